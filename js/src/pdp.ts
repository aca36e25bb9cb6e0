import { loadPdp } from '#pdp'

import { decide, denied, refusalOf } from './decision.js'
import { CountersignError, thrown } from './errors.js'
import { checkNumbers } from './guard-options.js'
import { ModuleMemory } from './module-memory.js'
import type { Assessment, Question, Requester, Share, ShareChange } from './pdp/types.js'
import type { PdpEngine } from './platform/types.js'
import { SeenToken, SeenTokens } from './seen.js'
import type { Answer, Denied, Explanation, Permission, Request } from './types.js'

export { CountersignError, DENIAL_CODES, type DenialCode, type ErrorCode } from './errors.js'
export type * from './pdp/types.js'
export type { Answer, Denied, Explanation, Permission, Permitted, Request, RptClaims } from './types.js'

/** What a `Pdp` needs to know of an issuer */
export interface PdpOptions {
  /** The issuer, exactly as its tokens name it */
  readonly issuer: string
  /** The client id of this resource server: tokens have to name it in `aud` */
  readonly audience: string
  /** The issuer's key set: nothing is fetched */
  readonly keys: JwkSet | string | Uint8Array
  /** The time in milliseconds; `Date.now` by default */
  readonly clock?: () => number
  /** Seconds by which the issuer's clock may be ahead (5 by default, 60 at most). No token lives longer by it. */
  readonly leeway?: number
  /** Verified tokens to keep; 1,000 by default */
  readonly cacheSize?: number
}

/** A key set (RFC 7517 §5) */
export interface JwkSet {
  readonly keys: readonly object[]
}

/** Verifies and decides at once, inside the module, and asks nobody */
export interface Pdp {
  readonly issuer: string
  readonly audience: string
  /**
   * Checks signature, claims and permission of a token. It looks into no status list: a token is good until its `exp`.
   *
   * @example
   * const answer = pdp.check({ token, resource: '7f1c-42', scopes: ['read'] })
   */
  check(request: PdpRequest): Answer
  /** Like `check`, with everything that the token permits */
  explain(request: PdpRequest): Explanation
  /** Takes another key set of the issuer; throws where it is none, and keeps the one before. */
  setKeys(keys: JwkSet | string | Uint8Array): void
}

/** What can be asked without asking anybody else */
export type PdpRequest = Omit<Request, 'fresh' | 'dpop'>

/** Loads the module, and makes a `Pdp` of it. */
export async function createPdp(options: PdpOptions): Promise<Pdp> {
  return new InnerPdp(options, await loadPdp())
}

/** Loads the module, and answers with what assesses a question (UMA Grant §3.3.4) at once. It throws where it is none. */
export async function loadAssess(): Promise<(question: Question) => Assessment> {
  const { bindings } = await loadPdp()
  return (question) => {
    try {
      return bindings.assess(json(question)) as Assessment
    } catch (reason) {
      throw thrown(reason)
    }
  }
}

/** The shares of a resource server at hand: who may use what, answered from memory */
export interface Shares {
  /**
   * What a requester may use; keep it for many questions.
   *
   * @example
   * shares.of({ id: 'bob', client: 'app' }).permits('document-42', 'read')
   */
  of(requester: Requester): SharesOf
  /** Takes changes as they happen. Throws where it cannot take one, and has taken the others. */
  apply(changes: readonly ShareChange[]): void
  /** Everything, as bytes that load much faster than rows */
  snapshot(): Uint8Array
}

/** What one requester may use, always as of now */
export interface SharesOf {
  /** Whether he may use that scope of the resource, or, without a scope, a resource that has none */
  permits(resource: string, scope?: string): boolean
}

/** Loads the module, and makes an index of rows, or of what `snapshot` gave elsewhere. */
export async function createShares(from: readonly Share[] | Uint8Array, clock: () => number = Date.now): Promise<Shares> {
  const { bindings } = await loadPdp()
  return new HeldShares(bindings, from, clock)
}

type Bindings = PdpEngine['bindings']

const encoder = new TextEncoder()

function json(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

function bytes(keys: JwkSet | string | Uint8Array): Uint8Array {
  if (keys instanceof Uint8Array) return keys
  return typeof keys === 'string' ? encoder.encode(keys) : json(keys)
}

class InnerPdp implements Pdp {
  readonly issuer: string
  readonly audience: string
  readonly #clock: () => number
  readonly #module: InstanceType<Bindings['GuardModule']>
  readonly #memory: ModuleMemory
  readonly #seen: SeenTokens

  constructor({ issuer, audience, keys, clock = Date.now, leeway = 5, cacheSize = 1_000 }: PdpOptions, { bindings, memory }: PdpEngine) {
    if (typeof issuer !== 'string' || issuer === '') throw new CountersignError('invalid_configuration', '`issuer` is missing')
    checkNumbers(leeway, cacheSize)
    this.issuer = issuer
    this.audience = audience
    this.#clock = clock
    try {
      this.#module = new bindings.GuardModule(issuer, audience, leeway)
    } catch (reason) {
      throw thrown(reason)
    }
    this.#memory = new ModuleMemory(this.#module, memory)
    this.#seen = new SeenTokens(cacheSize, (handle) => this.#module.forget(handle))
    this.setKeys(keys)
  }

  setKeys(keys: JwkSet | string | Uint8Array): void {
    try {
      this.#module.set_keys(bytes(keys))
    } catch (reason) {
      throw thrown(reason)
    }
    // A key that is gone takes with it what it has signed.
    this.#seen.clear()
  }

  check(request: PdpRequest): Answer {
    return this.#check(request, () => {})
  }

  explain(request: PdpRequest): Explanation {
    let found: Pick<Explanation, 'permissions' | 'expiresAt'> = { permissions: [] }
    const answer = this.#check(request, ({ handle }) => {
      const permissions = this.#module.permissions(handle) as Permission[]
      found = { permissions, expiresAt: this.#module.expires_at(handle) }
    })
    const { permitted } = answer
    const said = permitted ? { message: 'token permits this' } : { code: answer.code, message: answer.message }
    return { permitted, ...said, ...found }
  }

  #check(request: PdpRequest, look: (seen: SeenToken) => void): Answer {
    try {
      const now = Math.floor(this.#clock() / 1_000)
      const seen = this.#verified(request.token, now)
      if (!(seen instanceof SeenToken)) return seen
      look(seen)
      return decide(this.#memory, this.#seen, seen, request, now)
    } catch {
      return denied('engine_failed', 'the decision module failed')
    }
  }

  #verified(token: string | undefined, now: number): SeenToken | Denied {
    if (typeof token !== 'string' || token === '') return denied('invalid_token', 'no token')
    if (!Number.isFinite(now)) return denied('engine_failed', 'the clock shows no time')
    const known = this.#seen.get(token)
    if (known !== undefined) return known
    const handle = this.#memory.begin(token, now)
    if (handle < 0 || !this.#module.verify(handle)) return refusalOf(this.#module)
    const seen = new SeenToken(token, handle)
    this.#seen.add(seen)
    return seen
  }
}

class HeldShares implements Shares {
  readonly #bindings: Bindings
  readonly #module: InstanceType<Bindings['SharesModule']>
  readonly #clock: () => number

  constructor(bindings: Bindings, from: readonly Share[] | Uint8Array, clock: () => number) {
    this.#bindings = bindings
    this.#clock = clock
    try {
      this.#module = from instanceof Uint8Array ? bindings.SharesModule.from_snapshot(from) : new bindings.SharesModule(json(from))
    } catch (reason) {
      throw thrown(reason)
    }
  }

  of(requester: Requester): SharesOf {
    try {
      const module = new this.#bindings.RequesterModule(json(requester))
      return { permits: (resource, scope) => this.#module.permits(resource, module, scope, Math.floor(this.#clock() / 1_000)) }
    } catch (reason) {
      throw thrown(reason)
    }
  }

  apply(changes: readonly ShareChange[]): void {
    try {
      this.#module.apply(json(changes))
    } catch (reason) {
      throw thrown(reason)
    }
  }

  snapshot(): Uint8Array {
    return this.#module.snapshot()
  }
}
