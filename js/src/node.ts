import type { IncomingMessage, ServerResponse } from 'node:http'

import { arrivedOf, moreOf, send } from './adapter/node.js'
import { Uma, type Access, type Describe, type Rule, type UmaOptions } from './adapter/uma.js'
import type { Guard } from './guard-options.js'
import type { Protection } from './protection.js'

export type { EnforcedRequest, KeycloakConfig } from './adapter/enforcer.js'
export type { Access, Describe, Rule, UmaOptions } from './adapter/uma.js'

/** With what becomes of errors, which nobody else takes here */
export interface NodeUmaOptions extends UmaOptions {
  /** Is told of an error of a rule or a listener, whose client gets 500; `console.error` by default */
  readonly onError?: (error: unknown) => void
}

/** A listener of `node:http` that is called only with permission */
export type ProtectedListener<Request extends IncomingMessage> = (
  request: Request & { readonly uma: Access },
  response: ServerResponse,
) => unknown

/** Protects listeners of `node:http`. */
export interface NodeUma {
  readonly guard: Guard
  readonly protection: Protection
  /** Lets requests through to a listener that have permission, and answers all others. */
  protect<Request extends IncomingMessage = IncomingMessage>(
    rule: Rule<Request>,
    listener: ProtectedListener<Request>,
  ): (request: Request, response: ServerResponse) => Promise<void>
  /** The same by the rules of the option `keycloak`; `describe` says more of a request, such as its body. */
  enforce<Request extends IncomingMessage = IncomingMessage>(
    listener: ProtectedListener<Request>,
    describe?: Describe<Request>,
  ): (request: Request, response: ServerResponse) => Promise<void>
}

/**
 * Protects what a plain server of Node has.
 *
 * @example
 * const uma = await createUma({ issuer, clientId, clientSecret })
 * const rule = { scopes: ['read'], resource: () => document.resourceId }
 * createServer(uma.protect(rule, (request, response) => response.end(request.uma.rpt.sub)))
 */
export async function createUma(options: NodeUmaOptions): Promise<NodeUma> {
  const { onError = console.error } = options
  const uma = await Uma.create(options)
  type Decide<Request> = (request: Request) => ReturnType<Uma['judge']>
  const guarded = <Request extends IncomingMessage>(decide: Decide<Request>, listener: ProtectedListener<Request>) =>
    async (request: Request, response: ServerResponse): Promise<void> => {
      try {
        const passage = await decide(request)
        if ('refusal' in passage) return send(response, passage.refusal)
        await listener(Object.assign(request, { uma: passage.access }), response)
      } catch (error) {
        // Nobody else answers here; what went wrong is not for the client.
        if (response.headersSent) response.destroy()
        else response.writeHead(500, { 'cache-control': 'no-store' }).end()
        onError(error)
      }
    }
  return {
    guard: uma.guard,
    protection: uma.protection,
    protect: (rule, listener) => guarded((request) => uma.judge(rule, request, arrivedOf(request)), listener),
    enforce(listener, describe) {
      void uma.enforcer
      return guarded((request) => uma.enforce(request, arrivedOf(request), moreOf(request), describe), listener)
    },
  }
}
