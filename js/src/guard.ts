import { follows, loadGate, loadGuard, openStream } from '#platform'

import { decide, denied, refusalOf } from './decision.js'
import { CountersignError, thrown } from './errors.js'
import { checkNumbers, needsGate, type Guard, type GuardOptions, type GuardState } from './guard-options.js'
import { checkUrl } from './http.js'
import { Introspection } from './introspection.js'
import { KeySource } from './keys.js'
import { MetadataSource } from './metadata.js'
import { ModuleMemory } from './module-memory.js'
import type { GateEngine, GuardEngine, Jwk } from './platform/types.js'
import { Proofs, type Proof } from './proofs.js'
import { SeenToken, SeenTokens } from './seen.js'
import { Withdrawals, type Standing } from './withdrawals.js'
import type { Answer, Denied, DpopRequest, Explanation, Permission, Request } from './types.js'

/** Makes a guard. The issuer's keys are fetched now if they can be, and else when they are needed. */
export async function createGuard(options: GuardOptions): Promise<Guard> {
  return createTokenGuard(options, needsGate(options) ? await loadGate() : await loadGuard())
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
  readonly #memory: ModuleMemory

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
    this.#memory = new ModuleMemory(this.module, engine.memory)
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
      return failed()
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

  #check(request: Request, look: Use<void>): Promise<Answer> {
    try {
      const answer = this.#answered(request, look)
      return answer instanceof Promise ? answer.catch(failed) : Promise.resolve(answer)
    } catch {
      return Promise.resolve(failed())
    }
  }

  #answered(request: Request, look: Use<void>): Soon<Answer> {
    if (request.fresh === true) return this.#checkFresh(request, look)
    const known = this.#known(request, this.now(), look)
    if (known !== undefined) return known
    if (request.dpop !== undefined) return this.#answeredByOthers(request, look)
    // The first verification leaves the token to those who come later.
    const first = this.#verified<Answer | undefined>(request, (seen) => this.#judged(seen, request, this.now(), look))
    if (first instanceof Promise) return first.then((answer) => answer ?? this.#answeredByOthers(request, look))
    return first ?? this.#answeredByOthers(request, look)
  }

  #answeredByOthers(request: Request, look: Use<void>): Soon<Answer> {
    return this.#verified<Answer>(request, (seen) => this.#asked(seen, request, look), true)
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
    const keys = this.#keys.ready()
    if (keys === undefined) return this.#verifiedNow(token, dpop, use, isPrivate)
    const verify = () => this.#verifiedNow(token, dpop, use, isPrivate)
    return keys.then(verify, () => denied('keys_unavailable', 'the keys of the issuer could not be fetched'))
  }

  #verifiedNow<T>(token: string, dpop: DpopRequest | undefined, use: Use<Soon<T>>, isPrivate: boolean): Soon<T | Denied> {
    if (dpop !== undefined) return this.#verifiedHeld(token, dpop, use)
    const seen = isPrivate ? undefined : this.#seen.get(token)
    if (seen !== undefined) return use(seen)
    const found = this.#lookedUp(token, undefined)
    return found instanceof Promise ? found.then((seen) => this.#used(seen, use, isPrivate)) : this.#used(found, use, isPrivate)
  }

  #used<T>(found: SeenToken | Denied, use: Use<Soon<T>>, isPrivate: boolean): Soon<T | Denied> {
    if (!(found instanceof SeenToken)) return found
    if (isPrivate) return this.#usedOnce(found, use)
    this.#seen.add(found)
    return use(found)
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
    const found = this.#signed(token, proof)
    if (found instanceof Promise) return found.then((seen) => this.#lookedAgain(token, proof, seen))
    return this.#lookedAgain(token, proof, found)
  }

  #lookedAgain(token: string, proof: Proof | undefined, found: SeenToken | Denied): Soon<SeenToken | Denied> {
    if (found instanceof SeenToken || found.code !== 'unknown_key') return found
    return this.#keys.lookAgain().then((isThere) => (isThere ? this.#signed(token, proof) : found))
  }

  /** Checks everything of a token that does not depend on the request. Its handle is the caller's to forget. */
  #signed(token: string, proof: Proof | undefined): Soon<SeenToken | Denied> {
    const memory = this.#memory
    const generation = this.#keys.generation
    const now = this.now()
    const handle = proof === undefined ? memory.begin(token, now) : memory.beginHeld(token, proof, now)
    if (handle < 0) return this.#refusal()
    const seen = new SeenToken(token, handle)
    let isRight: Soon<boolean> = false
    try {
      const verify = this.#keys.keys[this.module.key(handle)]
      isRight = verify?.(memory.signed(token), memory.signature(handle)) ?? false
    } catch {
      // An error is a no.
    }
    if (typeof isRight !== 'object') return this.#finished(seen, isRight === true, generation)
    const finish = (isRight: boolean) => this.#finished(seen, isRight, generation)
    return Promise.resolve(isRight).then(finish, () => finish(false))
  }

  #finished(seen: SeenToken, isRight: boolean, generation: number): SeenToken | Denied {
    // A key may have gone while the platform was at work.
    const isCurrent = generation === this.#keys.generation
    if (this.module.finish(seen.handle, isRight && isCurrent)) return seen
    return isCurrent ? this.#refusal() : denied('unknown_key', 'the keys of the issuer have just changed')
  }

  #permits(seen: SeenToken, request: Request, now: number): Answer {
    return decide(this.#memory, this.#seen, seen, request, now)
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

function failed(): Denied {
  return denied('engine_failed', 'the guard failed')
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
