import { follows } from '#platform'

import { CountersignError } from './errors.js'
import type { HttpOptions } from './http.js'
import type { IntrospectionOptions } from './introspection.js'
import type { KeptMetadata } from './metadata.js'
import type { DpopOptions } from './proofs.js'
import type { Answer, Explanation, Request } from './types.js'

/** What a guard needs to know */
export interface GuardOptions extends HttpOptions {
  /** The issuer, exactly as its tokens name it */
  readonly issuer: string
  /** The client id of this resource server: tokens have to name it in `aud` */
  readonly audience: string
  /** Where the issuer's keys are; by default its metadata say so */
  readonly jwksUri?: string
  /** The time in milliseconds; `Date.now` by default */
  readonly clock?: () => number
  /** Seconds by which the issuer's clock may be ahead (5 by default, 60 at most). No token lives longer by it. */
  readonly leeway?: number
  /** Verified tokens to keep; 1,000 by default */
  readonly cacheSize?: number
  /** What another guard has exported, so that this one starts with its keys. What does not fit is passed over. */
  readonly state?: GuardState | undefined
  /** Keeps a Worker alive while keys are renewed after its answer: the `waitUntil` of its context */
  readonly waitUntil?: (work: Promise<unknown>) => void
  /** The resource server's credentials, for requests that are to be `fresh`. Loads the larger module. */
  readonly introspection?: IntrospectionOptions
  /**
   * How the guard hears of tokens that were taken back. `list` looks up every token that has a status in the issuer's status
   * list, which is fetched again at its `ttl`. `stream`, the default in Node, Deno and Bun, follows the issuer's changes as
   * well, where it has a stream; Workers know no other than `list`. `none` believes tokens until their `exp`, and needs only
   * the small module.
   */
  readonly withdrawals?: 'stream' | 'list' | 'none'
  /** What is done when no list can be had for longer than `maxStaleness` seconds; `deny` and 60 by default */
  readonly onStale?: 'deny' | 'until-exp'
  readonly maxStaleness?: number
  /** Takes tokens that are bound to a key, with their proofs (RFC 9449). Loads the larger module. */
  readonly dpop?: DpopOptions | true
}

/** Keys of an issuer as a guard has them, as JSON. Whoever can change it can make tokens: keep it as you keep code. */
export interface GuardState {
  readonly version: 1
  readonly issuer: string
  readonly jwksUri: string
  readonly jwks: string
  /** The second of the fetch; the keys' age goes on counting from it */
  readonly fetchedAt: number
  /** The issuer's metadata, which spare the next one a question as well */
  readonly metadata?: KeptMetadata
}

/** Answers whether the bearer of a token may do something */
export interface Guard {
  readonly issuer: string
  readonly audience: string
  /**
   * Checks signature, claims and permission of a token.
   *
   * @example
   * const answer = await guard.check({ token, resource: '7f1c-42', scopes: ['read'] })
   * if (!answer.permitted) reply.code(401)
   */
  check(request: Request): Promise<Answer>
  /** Answers in the order of the requests, each as `check` would. */
  checkAll(requests: readonly Request[]): Promise<Answer[]>
  /** Like `check`, for a token that was seen before; `undefined` if it was not, or if somebody has to be asked. */
  checkSync(request: Request): Answer | undefined
  /** Like `check`, with everything that the token permits. */
  explain(request: Request): Promise<Explanation>
  /** What another guard can begin with; `undefined` while there are no keys. */
  exportState(): GuardState | undefined
  /** Ends the stream of withdrawals. The guard goes on, and looks into the list instead. */
  close(): void
}

/** Whether the small module cannot do what a guard is to do */
export function needsGate({ dpop, introspection, withdrawals = follows }: Pick<GuardOptions, 'dpop' | 'introspection' | 'withdrawals'>): boolean {
  return dpop !== undefined || introspection !== undefined || withdrawals !== 'none'
}

/** Refuses what no guard is to be made with. */
export function checkNumbers(leeway: number, cacheSize: number): void {
  if (!Number.isInteger(leeway) || leeway < 0 || leeway > 60) {
    throw new CountersignError('invalid_configuration', '`leeway` must be a whole number from 0 to 60')
  }
  if (!Number.isInteger(cacheSize) || cacheSize < 1 || cacheSize > 1_000_000) {
    throw new CountersignError('invalid_configuration', '`cacheSize` must be a whole number from 1 to 1000000')
  }
}
