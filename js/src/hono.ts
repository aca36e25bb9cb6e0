import type { Context, MiddlewareHandler } from 'hono'

import { Uma, type Access, type Describe, type Rule, type UmaOptions } from './adapter/uma.js'
import { arrivedOf, responseOf } from './adapter/web.js'
import type { Guard } from './guard-options.js'
import type { Protection } from './protection.js'

export type { EnforcedRequest, KeycloakConfig } from './adapter/enforcer.js'
export type { Access, Describe, Rule, UmaOptions } from './adapter/uma.js'

/** What `uma.protect` and `uma.enforce` put into the context: `new Hono<UmaEnv>()` */
export interface UmaEnv {
  Variables: { uma: Access }
}

/** Makes middleware for Hono. */
export interface HonoUma {
  readonly guard: Guard
  readonly protection: Protection
  /** Lets requests through that have permission, and answers all others. */
  protect(rule: Rule<Context>): MiddlewareHandler<UmaEnv>
  /** The same by the rules of the option `keycloak`; `describe` says more of a request, such as its body. */
  enforce(describe?: Describe<Context>): MiddlewareHandler<UmaEnv>
}

/**
 * Protects routes of Hono 4.
 *
 * @example
 * const uma = await createUma({ issuer, clientId, clientSecret })
 * const mayRead = uma.protect({ scopes: ['read'], resource: (c) => documents.get(c.req.param('id'))?.resourceId })
 * app.get('/documents/:id', mayRead, (c) => c.json(c.get('uma').permission))
 */
export async function createUma(options: UmaOptions): Promise<HonoUma> {
  const uma = await Uma.create(options)
  const guarded = (decide: (context: Context) => ReturnType<Uma['judge']>): MiddlewareHandler<UmaEnv> => async (context, next) => {
    const passage = await decide(context)
    if ('refusal' in passage) return responseOf(passage.refusal)
    context.set('uma', passage.access)
    return next()
  }
  return {
    guard: uma.guard,
    protection: uma.protection,
    protect: (rule) => guarded((context) => uma.judge(rule, context, arrivedOf(context.req.raw))),
    enforce(describe) {
      void uma.enforcer
      return guarded((context) => {
        const { raw, url } = context.req
        return uma.enforce(context, arrivedOf(raw), { uri: url, secure: url.startsWith('https:') }, describe)
      })
    },
  }
}
