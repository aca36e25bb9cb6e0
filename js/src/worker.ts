import { Uma, type Access, type Rule, type UmaOptions } from './adapter/uma.js'
import { arrivedOf, responseOf } from './adapter/web.js'
import type { Guard } from './guard.js'
import type { Protection } from './protection.js'

export type { EnforcedRequest, KeycloakConfig } from './adapter/enforcer.js'
export type { Access, Rule, UmaOptions } from './adapter/uma.js'

/** A handler that is called only with permission; what comes after the request is handed through. */
export type ProtectedHandler<More extends readonly unknown[]> = (
  request: Request,
  access: Access,
  ...more: More
) => Response | Promise<Response>

/** Protects handlers from `Request` to `Response`. */
export interface WorkerUma {
  readonly guard: Guard
  readonly protection: Protection
  /** Lets requests through to a handler that have permission, and answers all others. */
  protect<More extends readonly unknown[]>(
    rule: Rule<Request>,
    handler: ProtectedHandler<More>,
  ): (request: Request, ...more: More) => Promise<Response>
  /** The same by the rules of the option `keycloak` */
  enforce<More extends readonly unknown[]>(handler: ProtectedHandler<More>): (request: Request, ...more: More) => Promise<Response>
}

/**
 * Protects what a Worker, or any other handler of web `Request`s, has.
 *
 * @example
 * const uma = await createUma({ issuer, clientId, clientSecret })
 * const rule = { scopes: ['read'], resource: (request) => resourceOf(new URL(request.url).pathname) }
 * export default { fetch: uma.protect(rule, (request, access) => Response.json(access.permission)) }
 */
export async function createUma(options: UmaOptions): Promise<WorkerUma> {
  const uma = await Uma.create(options)
  return {
    guard: uma.guard,
    protection: uma.protection,
    protect: (rule, handler) => async (request, ...more) => {
      const passage = await uma.judge(rule, request, arrivedOf(request))
      return 'refusal' in passage ? responseOf(passage.refusal) : handler(request, passage.access, ...more)
    },
    enforce(handler) {
      void uma.enforcer
      return async (request, ...more) => {
        const passage = await uma.enforce(arrivedOf(request), { uri: request.url, secure: request.url.startsWith('https:') })
        return 'refusal' in passage ? responseOf(passage.refusal) : handler(request, passage.access, ...more)
      }
    },
  }
}
