import type { Request, RequestHandler } from 'express'

import { arrivedOf, moreOf, send } from './adapter/node.js'
import { Uma, type Access, type Describe, type Rule, type UmaOptions } from './adapter/uma.js'
import type { Guard } from './guard-options.js'
import type { Protection } from './protection.js'

export type { EnforcedRequest, KeycloakConfig } from './adapter/enforcer.js'
export type { Access, Describe, Rule, UmaOptions } from './adapter/uma.js'

declare global {
  namespace Express {
    interface Request {
      /** What the request was let through with, behind `uma.protect` or `uma.enforce` */
      uma?: Access
    }
  }
}

/** Makes middleware for Express. */
export interface ExpressUma {
  readonly guard: Guard
  readonly protection: Protection
  /** Lets requests through that have permission, and answers all others. */
  protect(rule: Rule<Request>): RequestHandler
  /** The same by the rules of the option `keycloak`; `describe` says more of a request, such as its body. */
  enforce(describe?: Describe<Request>): RequestHandler
}

/**
 * Protects routes of Express 4 and 5.
 *
 * @example
 * const uma = await createUma({ issuer, clientId, clientSecret })
 * const mayRead = uma.protect({ scopes: ['read'], resource: (req) => documents.get(req.params.id)?.resourceId })
 * app.get('/documents/:id', mayRead, (req, res) => res.json(req.uma.permission))
 */
export async function createUma(options: UmaOptions): Promise<ExpressUma> {
  const uma = await Uma.create(options)
  const guarded = (decide: (request: Request) => ReturnType<Uma['judge']>): RequestHandler => (request, response, next) => {
    decide(request).then((passage) => {
      if ('refusal' in passage) return send(response, passage.refusal)
      request.uma = passage.access
      next()
    }, next)
  }
  return {
    guard: uma.guard,
    protection: uma.protection,
    protect: (rule) => guarded((request) => uma.judge(rule, request, arrivedOf(request, request.originalUrl))),
    enforce(describe) {
      void uma.enforcer
      return guarded((request) => uma.enforce(request, arrivedOf(request, request.originalUrl), moreOf(request), describe))
    },
  }
}
