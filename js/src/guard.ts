import { follows, loadGate, loadGuard, openStream } from '#platform'

import { decide, denied, refusalOf } from './decision.js'
import { CountersignError, thrown } from './errors.js'
import { checkUrl, type HttpOptions } from './http.js'
import { Introspection, type IntrospectionOptions } from './introspection.js'
import { KeySource } from './keys.js'
import { MetadataSource, type KeptMetadata } from './metadata.js'
import type { GateEngine, GuardEngine, Jwk } from './platform/types.js'
import { Proofs, type DpopOptions, type Proof } from './proofs.js'
import { SeenToken, SeenTokens } from './seen.js'
import { TokenMemory } from './token-memory.js'
import { Withdrawals, type Standing } from './withdrawals.js'
import type { Answer, Denied, DpopRequest, Explanation, Permission, Request } from './types.js'

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

/** Makes a guard. The issuer's keys are fetched now if they can be, and else when they are needed. */
export async function createGuard(options: GuardOptions): Promise<Guard> {
  return createTokenGuard(options, needsGate(options) ? await loadGate() : await loadGuard())
}

/** Whether the small module cannot do what a guard is to do */
export function needsGate({ dpop, introspection, withdrawals = follows }: Pick<GuardOptions, 'dpop' | 'introspection' | 'withdrawals'>): boolean {
  return dpop !== undefined || introspection !== undefined || withdrawals !== 'none'
}

/** Makes a guard of a certain module. */
export async function createTokenGuard(options: GuardOptions, engine: GuardEngine | GateEngine): Promise<TokenGuard> {
  const guard = new TokenGuard(options, engine)
  await guard.prepare(options.state)
  return guard
}

type GuardModule = InstanceType<GuardEngine['bindings']['GuardModule']>
type LargeModule = InstanceType<GateEngine['bindings']['GuardModule']>

/** Does something with a verified token, whose handle is good until then */
type Use<T> = (seen: SeenToken) => T
/** What is there at once where nobody has to be waited for: a turn of the event loop costs more than most of what is done */
type Soon<T> = T | Promise<T>

const encoder = new TextEncoder()

export class TokenGuard implements Guard {
  readonly issuer: string
  readonly audience: string
  readonly module: GuardModule
  readonly #clock: () => number
  readonly #keys: KeySource
  readonly #metadata: MetadataSource
  readonly #seen: SeenTokens
  readonly #scratch: () => GuardModule
  readonly #introspection: Introspection | undefined
  readonly #proofs: Proofs | undefined
  readonly #withdrawals: Withdrawals | undefined
  readonly #memory: TokenMemory

  constructor(options: GuardOptions, engine: GuardEngine | GateEngine) {
    const { issuer, audience, jwksUri, leeway = 5, cacheSize = 1_000, introspection, dpop } = options
    checkUrl(issuer, 'issuer', options)
    if (jwksUri !== undefined) checkUrl(jwksUri, 'jwksUri', options)
    checkNumbers(leeway, cacheSize)
    this.issuer = issuer
    this.audience = audience
    this.#clock = options.clock ?? Date.now
    this.#scratch = () => new engine.bindings.GuardModule(issuer, audience, leeway)
    try {
      this.module = this.#scratch()
    } catch (reason) {
      throw thrown(reason)
    }
    this.#memory = new TokenMemory(this.module, engine.memory)
    this.#seen = new SeenTokens(cacheSize, (handle) => this.module.forget(handle))
    this.#metadata = new MetadataSource(issuer, options, () => this.now())
    const metadata = this.#metadata
    this.#keys = new KeySource({
      ...options,
      metadata,
      jwksUri,
      now: () => this.now(),
      inspect: (jwks) => this.#inspect(jwks),
      install: (jwks) => this.#install(jwks),
    })
    if (introspection !== undefined) this.#introspection = new Introspection({ ...options, ...introspection }, metadata)
    const { withdrawals = follows, onStale = 'deny', maxStaleness = 60 } = options
    if (!['stream', 'list', 'none'].includes(withdrawals) || !['deny', 'until-exp'].includes(onStale) || !(maxStaleness >= 0)) {
      throw new CountersignError('invalid_configuration', '`withdrawals`, `onStale` or `maxStaleness` is none of its values')
    }
    if (withdrawals === 'stream' && openStream === undefined) {
      throw new CountersignError('invalid_configuration', '`withdrawals` cannot be `stream` here, where nothing outlives a request')
    }
    if (withdrawals !== 'none') {
      this.#withdrawals = new Withdrawals({
        issuer,
        listens: withdrawals === 'stream',
        onStale,
        maxStaleness: Math.min(Math.floor(maxStaleness), 0xffff_ffff),
        http: options,
        metadata,
        engine: engine as GateEngine,
        module: this.module as LargeModule,
        keys: () => ({ verifiers: this.#keys.keys, generation: this.#keys.generation }),
        lookAgain: () => this.#keys.lookAgain(),
        now: () => this.now(),
      })
    }
    if (dpop !== undefined && 'ProofModule' in engine.bindings) {
      this.#proofs = new Proofs(engine as GateEngine, dpop === true ? {} : dpop)
    }
  }

  async prepare(state: GuardState | undefined): Promise<void> {
    if (state !== undefined) await this.#restore(state)
    try {
      await this.#keys.ready()
    } catch {
      // They are fetched when they are needed.
    }
  }

  exportState(): GuardState | undefined {
    const kept = this.#keys.kept
    if (kept === undefined) return undefined
    const metadata = this.#metadata.kept
    const more = metadata === undefined ? {} : { metadata }
    return { version: 1, issuer: this.issuer, ...kept, jwks: new TextDecoder().decode(kept.jwks), ...more }
  }

  close(): void {
    this.#withdrawals?.close()
  }

  checkSync(request: Request): Answer | undefined {
    try {
      return this.#known(request, this.now())
    } catch {
      return denied('engine_failed', 'the guard failed')
    }
  }

  check(request: Request): Promise<Answer> {
    return this.#check(request, () => {})
  }

  async checkAll(requests: readonly Request[]): Promise<Answer[]> {
    const answers: Answer[] = []
    // One after the other, so that a token that comes twice is verified once.
    for (const request of requests) answers.push(this.checkSync(request) ?? (await this.check(request)))
    return answers
  }

  async explain(request: Request): Promise<Explanation> {
    let found: Pick<Explanation, 'permissions' | 'expiresAt'> = { permissions: [] }
    const answer = await this.#check(request, ({ handle }) => {
      const permissions = this.module.permissions(handle) as Permission[]
      found = { permissions, expiresAt: this.module.expires_at(handle) }
    })
    const said = answer.permitted
      ? { permitted: true, message: 'token permits this' }
      : { permitted: false, code: answer.code, message: answer.message }
    return { ...said, ...found }
  }

  /** Verifies a token for an adapter that asks the module something else; `use` may wait only if it is private. */
  async with<T>(request: Pick<Request, 'token' | 'dpop'>, use: Use<Soon<T>>, isPrivate = false): Promise<T | Denied> {
    const withdrawals = this.#withdrawals
    if (withdrawals === undefined) return this.#verified(request, use, isPrivate)
    const standing: Use<Promise<T | Denied>> = async (seen) =>
      refusedBy(await withdrawals.standing(seen)) ?? (await use(seen))
    return this.#verified<T | Denied>(request, standing, true)
  }

  /** The second in which the keys were fetched that another guard could begin with */
  get fetchedAt(): number | undefined {
    return this.#keys.kept?.fetchedAt
  }

  now(): number {
    return Math.floor(this.#clock() / 1_000)
  }

  async #check(request: Request, look: Use<void>): Promise<Answer> {
    try {
      if (request.fresh === true) return await this.#checkFresh(request, look)
      const known = this.#known(request, this.now(), look)
      if (known !== undefined) return known
      if (request.dpop === undefined) {
        // The first verification leaves the token to those who come later.
        const first = this.#verified<Answer | undefined>(request, (seen) => this.#judged(seen, request, this.now(), look))
        const answer = first instanceof Promise ? await first : first
        if (answer !== undefined) return answer
      }
      return await this.#verified<Answer>(request, (seen) => this.#asked(seen, request, look), true)
    } catch {
      return denied('engine_failed', 'the guard failed')
    }
  }

  /** Verifies as always, and then lets the authorization server say what is left of the permissions. */
  async #checkFresh(request: Request, look: Use<void>): Promise<Answer> {
    const introspection = this.#introspection
    if (introspection === undefined) {
      return denied('status_unavailable', 'the guard has no option `introspection`, which a fresh answer needs')
    }
    return this.#verified<Answer>(request, (seen) => this.#introspected(seen, request, look, introspection), true)
  }

  /** By what introspection says is left; the token's handle has to be private. */
  async #introspected(seen: SeenToken, request: Request, look: Use<void>, introspection: Introspection): Promise<Answer> {
    const said = await introspection.ask(seen.token)
    if (said === undefined) return denied('status_unavailable', 'introspection cannot be asked')
    const handle = (this.module as LargeModule).introspected(seen.handle, said)
    if (handle < 0) {
      this.#seen.remove(seen.token)
      return this.#refusal()
    }
    try {
      const left = new SeenToken(seen.token, handle)
      look(left)
      return this.#permits(left, request, this.now())
    } finally {
      this.module.forget(handle)
    }
  }

  /** As the status list says, which is fetched, and introspection where it says that less is left. */
  async #asked(seen: SeenToken, request: Request, look: Use<void>): Promise<Answer> {
    const standing = (await this.#withdrawals?.standing(seen)) ?? 'good'
    const introspection = this.#introspection
    if (standing === 'narrowed' && introspection !== undefined) return this.#introspected(seen, request, look, introspection)
    return this.#standing(standing, seen, request, this.now(), look)
  }

  #known(request: Request, now: number, look: Use<void> = () => {}): Answer | undefined {
    if (request.fresh === true || request.dpop !== undefined) return undefined
    const seen = typeof request.token === 'string' ? this.#seen.get(request.token) : undefined
    if (seen === undefined || !this.#keys.isUsable(now)) return undefined
    this.#keys.renewIfOld(now)
    return this.#judged(seen, request, now, look)
  }

  /** The answer for a verified token, unless somebody has to be asked */
  #judged(seen: SeenToken, request: Request, now: number, look: Use<void>): Answer | undefined {
    const standing = this.#withdrawals?.known(seen) ?? 'good'
    if (standing === 'unknown' || (standing === 'narrowed' && this.#introspection !== undefined)) return undefined
    return this.#standing(standing, seen, request, now, look)
  }

  #standing(standing: Standing, seen: SeenToken, request: Request, now: number, look: Use<void>): Answer {
    const refused = refusedBy(standing)
    if (refused !== undefined) return refused
    look(seen)
    return this.#permits(seen, request, now)
  }

  /** Verifies a token for `use`, which may wait only if the token's handle is private to it. */
  #verified<T>({ token, dpop }: Pick<Request, 'token' | 'dpop'>, use: Use<Soon<T>>, isPrivate = false): Soon<T | Denied> {
    if (typeof token !== 'string' || token === '') return denied('invalid_token', 'no token')
    if (!Number.isFinite(this.now())) return denied('engine_failed', 'the clock shows no time')
    const verify = () => this.#verifiedNow(token, dpop, use, isPrivate)
    const keys = this.#keys.ready()
    if (keys === undefined) return verify()
    return keys.then(verify, () => denied('keys_unavailable', 'the keys of the issuer could not be fetched'))
  }

  #verifiedNow<T>(token: string, dpop: DpopRequest | undefined, use: Use<Soon<T>>, isPrivate: boolean): Soon<T | Denied> {
    if (dpop !== undefined) return this.#verifiedHeld(token, dpop, use)
    const seen = isPrivate ? undefined : this.#seen.get(token)
    if (seen !== undefined) return use(seen)
    const go = (found: SeenToken | Denied): Soon<T | Denied> => {
      if (!(found instanceof SeenToken)) return found
      if (isPrivate) return this.#usedOnce(found, use)
      this.#seen.add(found)
      return use(found)
    }
    const found = this.#lookedUp(token, undefined)
    return found instanceof Promise ? found.then(go) : go(found)
  }

  async #usedOnce<T>(found: SeenToken, use: Use<Soon<T>>): Promise<T> {
    try {
      return await use(found)
    } finally {
      this.module.forget(found.handle)
    }
  }

  /** A token and the proof of its key. It is never kept: its next proof is another one. */
  async #verifiedHeld<T>(token: string, dpop: DpopRequest, use: Use<Soon<T>>): Promise<T | Denied> {
    const proofs = this.#proofs
    if (proofs === undefined) return denied('bound_token', 'the guard has no option `dpop`')
    let proof: Proof
    try {
      proof = await proofs.verify(token, dpop, this.now())
    } catch (reason) {
      return denied('invalid_proof', thrown(reason).message)
    }
    try {
      const found = await this.#lookedUp(token, proof)
      if (!(found instanceof SeenToken)) return found
      try {
        if (!(await proofs.isFirst(proof, this.now()))) return denied('invalid_proof', 'proof was used before')
        return await use(found)
      } finally {
        this.module.forget(found.handle)
      }
    } finally {
      proof.free()
    }
  }

  /** Verifies, and looks for the key where nobody knows it. */
  #lookedUp(token: string, proof: Proof | undefined): Soon<SeenToken | Denied> {
    const look = (found: SeenToken | Denied): Soon<SeenToken | Denied> =>
      found instanceof SeenToken || found.code !== 'unknown_key' ? found : this.#lookedAgain(token, proof, found)
    const found = this.#signed(token, proof)
    return found instanceof Promise ? found.then(look) : look(found)
  }

  async #lookedAgain(token: string, proof: Proof | undefined, found: Denied): Promise<SeenToken | Denied> {
    return (await this.#keys.lookAgain()) ? this.#signed(token, proof) : found
  }

  /** Checks everything of a token that does not depend on the request. Its handle is the caller's to forget. */
  #signed(token: string, proof: Proof | undefined): Soon<SeenToken | Denied> {
    const memory = this.#memory
    const generation = this.#keys.generation
    const now = this.now()
    const handle = proof === undefined ? memory.begin(token, now) : memory.beginHeld(token, proof, now)
    if (handle < 0) return this.#refusal()
    const finish = (isRight: boolean) => this.#finished(new SeenToken(token, handle), isRight, generation)
    let isRight: Soon<boolean> = false
    try {
      const verify = this.#keys.keys[this.module.key(handle)]
      isRight = verify?.(memory.signed(token), memory.signature(handle)) ?? false
    } catch {
      // An error is a no.
    }
    return typeof isRight === 'object' ? Promise.resolve(isRight).then(finish, () => finish(false)) : finish(isRight === true)
  }

  #finished(seen: SeenToken, isRight: boolean, generation: number): SeenToken | Denied {
    // A key may have gone while the platform was at work.
    const isCurrent = generation === this.#keys.generation
    if (this.module.finish(seen.handle, isRight && isCurrent)) return seen
    return isCurrent ? this.#refusal() : denied('unknown_key', 'the keys of the issuer have just changed')
  }

  #permits(seen: SeenToken, request: Request, now: number): Answer {
    return decide(this.module, this.#seen, seen, request, now)
  }

  #inspect(jwks: Uint8Array): Jwk[] {
    const scratch = this.#scratch()
    try {
      return scratch.set_keys(jwks) as Jwk[]
    } catch (reason) {
      throw thrown(reason)
    } finally {
      scratch.free()
    }
  }

  #install(jwks: Uint8Array): void {
    this.module.set_keys(jwks)
    // A key that is gone takes with it what it has signed.
    this.#seen.clear()
  }

  async #restore({ version, issuer, jwksUri, jwks, fetchedAt, metadata }: GuardState): Promise<void> {
    if (version !== 1 || issuer !== this.issuer || typeof jwks !== 'string' || !Number.isInteger(fetchedAt)) return
    try {
      if (metadata !== undefined) this.#metadata.restore(metadata)
      await this.#keys.restore({ jwksUri, jwks: encoder.encode(jwks), fetchedAt })
    } catch {
      // Of no use: the keys are fetched instead.
    }
  }

  #refusal(): Denied {
    return refusalOf(this.module)
  }
}

/** Why a token that stands so is refused; nothing where it is not */
function refusedBy(standing: Standing): Denied | undefined {
  switch (standing) {
    case 'good':
      return undefined
    case 'narrowed':
    case 'withdrawn':
      return denied('withdrawn', 'token was taken back')
    case 'foreign':
      return denied('invalid_token', 'the status of the token is in a list that is not its issuer\'s')
    case 'unknown':
      return denied('status_unavailable', 'the status list cannot be had')
  }
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
