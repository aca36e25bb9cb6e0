import type { FastifyReply, FastifyRequest } from 'fastify'

import { arrivedOf, moreOf } from './adapter/node.js'
import { Uma, type Access, type Describe, type Rule, type UmaOptions } from './adapter/uma.js'
import type { Guard } from './guard-options.js'
import type { Protection } from './protection.js'

export type { EnforcedRequest, KeycloakConfig } from './adapter/enforcer.js'
export type { Access, Describe, Rule, UmaOptions } from './adapter/uma.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request was let through with, behind `uma.protect` or `uma.enforce` */
    uma?: Access
  }
}

/** A request whose parameters are known to the route and not to the rule */
type AnyRequest = FastifyRequest<{ Params: Record<string, string> }>

/** A hook of Fastify, for `onRequest` or `preHandler` */
export type UmaHook = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>

/** Makes hooks for Fastify. */
export interface FastifyUma {
  readonly guard: Guard
  readonly protection: Protection
  /** Lets requests through that have permission, and answers all others. */
  protect(rule: Rule<AnyRequest>): UmaHook
  /** The same by the rules of the option `keycloak`; `describe` says more of a request, such as its body. */
  enforce(describe?: Describe<FastifyRequest>): UmaHook
}

/**
 * Protects routes of Fastify 5.
 *
 * @example
 * const uma = await createUma({ issuer, clientId, clientSecret })
 * const onRequest = uma.protect({ scopes: ['read'], resource: (request) => documents.get(request.params.id)?.resourceId })
 * server.get('/documents/:id', { onRequest }, async (request) => request.uma.permission)
 */
export async function createUma(options: UmaOptions): Promise<FastifyUma> {
  const uma = await Uma.create(options)
  const guarded = (decide: (request: FastifyRequest) => ReturnType<Uma['judge']>): UmaHook => async (request, reply) => {
    const passage = await decide(request)
    if ('refusal' in passage) {
      const { status, headers, body } = passage.refusal
      return reply.code(status).headers({ ...headers }).send(body)
    }
    request.uma = passage.access
    return undefined
  }
  return {
    guard: uma.guard,
    protection: uma.protection,
    protect: (rule) => guarded((request) => uma.judge(rule, request as AnyRequest, arrivedOf(request.raw))),
    enforce(describe) {
      void uma.enforcer
      return guarded((request) => uma.enforce(request, arrivedOf(request.raw), moreOf(request.raw), describe))
    },
  }
}
