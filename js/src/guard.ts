import type { JsonWebKey } from 'node:crypto'

import { engine, memory, type GuardModule } from './engine.js'
import { CountersignError, thrown, type DenialCode } from './errors.js'
import { checkUrl, type HttpOptions } from './http.js'
import { KeySource } from './keys.js'
import { SeenToken, SeenTokens } from './seen.js'
import { isSignedBy } from './signature.js'
import type { Answer, Denied, Explanation, Permission, Permitted, Request, RptClaims } from './types.js'

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
}

/** Answers whether the bearer of a token may do something */
export interface Guard {
  /**
   * Checks signature, claims and permission of a token.
   *
   * @example
   * const answer = await guard.check({ token, resource: '7f1c-42', scopes: ['read'] })
   * if (!answer.permitted) reply.code(401)
   */
  check(request: Request): Promise<Answer>
  /** Like `check`, for a token that was seen before; `undefined` if it was not. */
  checkSync(request: Request): Answer | undefined
  /** Like `check`, with everything that the token permits. */
  explain(request: Request): Promise<Explanation>
}

/** Makes a guard. The issuer's keys are fetched now if they can be, and else when they are needed. */
export async function createGuard(options: GuardOptions): Promise<Guard> {
  const guard = new NodeGuard(options)
  await guard.prepare()
  return guard
}

class GrantedAccess implements Permitted {
  readonly permitted = true
  readonly permission: Permission
  readonly #seen: SeenToken

  constructor(permission: Permission, seen: SeenToken) {
    this.permission = permission
    this.#seen = seen
  }

  get rpt(): RptClaims {
    return this.#seen.claims
  }
}

const NO_SCOPES: readonly string[] = Object.freeze([])

class NodeGuard implements Guard {
  readonly #clock: () => number
  readonly #keys: KeySource
  readonly #seen: SeenTokens
  readonly #module: GuardModule

  constructor(options: GuardOptions) {
    const { issuer, audience, jwksUri, leeway = 5, cacheSize = 1_000 } = options
    checkUrl(issuer, 'issuer', options)
    if (jwksUri !== undefined) checkUrl(jwksUri, 'jwksUri', options)
    if (!Number.isInteger(leeway) || leeway < 0 || leeway > 60) {
      throw new CountersignError('invalid_configuration', '`leeway` must be a whole number from 0 to 60')
    }
    if (!Number.isInteger(cacheSize) || cacheSize < 1 || cacheSize > 1_000_000) {
      throw new CountersignError('invalid_configuration', '`cacheSize` must be a whole number from 1 to 1000000')
    }
    this.#clock = options.clock ?? Date.now
    try {
      this.#module = new (engine().GuardModule)(issuer, audience, leeway)
    } catch (reason) {
      throw thrown(reason)
    }
    this.#seen = new SeenTokens(cacheSize, (handle) => this.#module.forget(handle))
    this.#keys = new KeySource({ ...options, jwksUri, now: () => this.#now(), accept: (jwks) => this.#accept(jwks) })
  }

  async prepare(): Promise<void> {
    await this.#keys.ready().catch(() => {})
  }

  checkSync(request: Request): Answer | undefined {
    return this.#known(request, this.#now())
  }

  async check(request: Request): Promise<Answer> {
    const now = this.#now()
    const known = this.#known(request, now)
    if (known !== undefined) return known
    const { token } = request
    if (typeof token !== 'string' || token === '') return denied('invalid_token', 'no token')
    if (!this.#keys.isUsable(now)) {
      try {
        await this.#keys.ready()
      } catch {
        return denied('keys_unavailable', 'the keys of the issuer could not be fetched')
      }
    }
    let found = this.#verify(token)
    if (!(found instanceof SeenToken) && found.code === 'unknown_key' && (await this.#keys.lookAgain())) {
      found = this.#verify(token)
    }
    return found instanceof SeenToken ? this.#permits(found, request, this.#now()) : found
  }

  async explain(request: Request): Promise<Explanation> {
    const answer = await this.check(request)
    const seen = request.token === undefined ? undefined : this.#seen.get(request.token)
    const said = answer.permitted
      ? { permitted: true, message: 'token permits this' }
      : { permitted: false, code: answer.code, message: answer.message }
    if (seen === undefined) return { ...said, permissions: [] }
    return {
      ...said,
      permissions: this.#module.permissions(seen.handle) as Permission[],
      expiresAt: this.#module.expires_at(seen.handle),
    }
  }

  #known(request: Request, now: number): Answer | undefined {
    const seen = typeof request.token === 'string' ? this.#seen.get(request.token) : undefined
    if (seen === undefined || !this.#keys.isUsable(now)) return undefined
    this.#keys.renewIfOld(now)
    return this.#permits(seen, request, now)
  }

  /** Checks everything of a token that does not depend on the request. */
  #verify(token: string): SeenToken | Denied {
    const now = this.#now()
    try {
      // Written into the module's memory, which is faster than wasm-bindgen's way for a text of this length.
      const at = this.#module.input(token.length)
      const isWritten = at > 0 && memory().write(token, at, token.length, 'utf8') === token.length
      // Too long, or not ASCII: the module says why.
      const handle = isWritten ? this.#module.begin(now) : this.#module.begin_text(token, now)
      if (handle < 0) return this.#refusal()
      const dot = token.lastIndexOf('.')
      const signed = isWritten ? memory().subarray(at, at + dot) : Buffer.from(token.slice(0, dot))
      const key = this.#keys.keys[this.#module.key(handle)]
      const isRight = key !== undefined && isSignedBy(signed, Buffer.from(token.slice(dot + 1), 'base64url'), key)
      if (!this.#module.finish(handle, isRight)) return this.#refusal()
      const seen = new SeenToken(token, handle)
      this.#seen.add(seen)
      return seen
    } catch {
      return denied('engine_failed', 'the decision module failed')
    }
  }

  #permits(seen: SeenToken, request: Request, now: number): Answer {
    const { resource, resourceName, scopes = NO_SCOPES } = request
    const isName = resource === undefined
    const wanted = isName ? resourceName : resource
    if (typeof wanted !== 'string' || (!isName && resourceName !== undefined) || !Array.isArray(scopes)) {
      return denied('not_permitted', 'the request names no resource, or two, or no list of scopes')
    }
    const kept = seen.recall(isName, wanted, scopes, now)
    if (kept !== undefined) return kept
    try {
      const answer = isName
        ? this.#module.permits_named(seen.handle, wanted, scopes, now)
        : this.#module.permits(seen.handle, wanted, scopes, now)
      if (answer === undefined) {
        const refusal = this.#refusal()
        if (refusal.code === 'expired') this.#seen.remove(seen.token)
        return refusal
      }
      const granted = Object.freeze(new GrantedAccess(frozen(answer.permission), seen))
      seen.remember({ isName, resource: wanted, scopes: [...scopes], until: answer.until, answer: granted })
      return granted
    } catch {
      return denied('engine_failed', 'the decision module failed')
    }
  }

  #accept(jwks: Uint8Array): JsonWebKey[] {
    // A key that is gone takes with it what it has signed.
    this.#seen.clear()
    try {
      return this.#module.set_keys(jwks) as JsonWebKey[]
    } catch (reason) {
      throw thrown(reason)
    }
  }

  #refusal(): Denied {
    const { code, message } = this.#module.refusal() as { code: DenialCode; message: string }
    return denied(code, message)
  }

  #now(): number {
    return Math.floor(this.#clock() / 1_000)
  }
}

function denied(code: DenialCode, message: string): Denied {
  return { permitted: false, code, message }
}

function frozen(permission: Permission): Permission {
  if (permission.scopes !== undefined) Object.freeze(permission.scopes)
  return Object.freeze(permission)
}
