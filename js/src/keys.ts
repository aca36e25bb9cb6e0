import { verifier } from '#platform'

import { isEqual } from './bytes.js'
import { CountersignError } from './errors.js'
import { ask, checkUrl, type HttpOptions } from './http.js'
import type { MetadataSource } from './metadata.js'
import type { Jwk, Verifier } from './platform/types.js'

const LIMIT = 256 * 1024

/** Seconds for which keys are taken as current, and kept while the server is away */
const MAX_AGE = 600
const HARD_AGE = 3_600
/** Seconds between two fetches where there are keys to use, and where there are none */
const COOL_DOWN = 30
const RETRY = 1

export interface KeySourceOptions extends HttpOptions {
  readonly metadata: MetadataSource
  readonly jwksUri: string | undefined
  readonly waitUntil?: (work: Promise<unknown>) => void
  /** The present second */
  readonly now: () => number
  /** The keys of a key set that are of use, in the module's order; throws where it is no key set */
  readonly inspect: (jwks: Uint8Array) => Jwk[]
  /** Gives a changed key set to the module */
  readonly install: (jwks: Uint8Array) => void
}

/** Keys as they were fetched */
export interface KeptKeys {
  readonly jwksUri: string
  readonly jwks: Uint8Array
  readonly fetchedAt: number
}

/** Seconds that have passed; for ever, if somebody has set the clock back. */
function since(then: number, now: number): number {
  return now >= then ? now - then : Number.POSITIVE_INFINITY
}

/**
 * The issuer's keys: fetched once for all who wait, kept for ten minutes, renewed behind the callers' backs, and
 * used for an hour at most while the server is away.
 */
export class KeySource {
  readonly #options: KeySourceOptions
  #uri: string | undefined
  #body: Uint8Array | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #flight: Promise<void> | undefined
  #generation = 0
  /** In the module's order; a gap where the platform finds fault with a key, such as a point off the curve */
  keys: readonly (Verifier | undefined)[] = []

  constructor(options: KeySourceOptions) {
    this.#options = options
    this.#uri = options.jwksUri
  }

  /** Another number whenever there are other keys */
  get generation(): number {
    return this.#generation
  }

  /** What another guard can begin with */
  get kept(): KeptKeys | undefined {
    if (this.#body === undefined || this.#uri === undefined || !Number.isFinite(this.#fetchedAt)) return undefined
    return { jwksUri: this.#uri, jwks: this.#body, fetchedAt: this.#fetchedAt }
  }

  /** Begins with keys that were fetched before; their age goes on counting. */
  async restore({ jwksUri, jwks, fetchedAt }: KeptKeys): Promise<void> {
    if (this.#uri !== undefined && this.#uri !== jwksUri) return
    checkUrl(jwksUri, 'jwksUri', this.#options)
    await this.#use(jwks)
    this.#uri = jwksUri
    this.#fetchedAt = fetchedAt
  }

  /** Whether the keys may be used now. */
  isUsable(now: number): boolean {
    return since(this.#fetchedAt, now) <= HARD_AGE
  }

  /** Nothing where there are keys to use; else resolves when there are, and rejects when there are none to be had. */
  ready(): Promise<void> | undefined {
    const now = this.#options.now()
    if (this.isUsable(now)) {
      this.renewIfOld(now)
      return undefined
    }
    if (this.#flight === undefined && since(this.#triedAt, now) < RETRY) {
      return Promise.reject(new CountersignError('server_unreachable', 'the keys of the issuer could not be fetched just now'))
    }
    return this.#fetch()
  }

  /** Fetches in the background what is no longer fresh. */
  renewIfOld(now: number): void {
    if (since(this.#fetchedAt, now) <= MAX_AGE || since(this.#triedAt, now) < COOL_DOWN) return
    const work = this.#fetch().catch(() => {})
    this.#options.waitUntil?.(work)
  }

  /** Looks for a key that a token names and nobody knows: at most once in 30 seconds. True if something was fetched. */
  async lookAgain(): Promise<boolean> {
    if (this.#flight === undefined && since(this.#triedAt, this.#options.now()) < COOL_DOWN) return false
    try {
      await this.#fetch()
      return true
    } catch {
      return false
    }
  }

  #fetch(): Promise<void> {
    this.#flight ??= this.#load().finally(() => {
      this.#flight = undefined
    })
    return this.#flight
  }

  async #load(): Promise<void> {
    const now = this.#options.now()
    this.#triedAt = now
    const { metadata, jwksUri } = this.#options
    const uri = this.#uri ?? (await metadata.endpoint('jwks_uri'))
    try {
      const answer = await ask(uri, { headers: { accept: 'application/json' } }, LIMIT, this.#options)
      if (answer.status !== 200) throw new CountersignError('unexpected_answer', `\`${uri}\` answered ${answer.status}`)
      if (this.#body === undefined || !isEqual(this.#body, answer.body)) await this.#use(answer.body)
      this.#uri = uri
    } catch (error) {
      // The keys may have moved: the metadata say where to, the next time.
      this.#uri = jwksUri
      metadata.forget()
      throw error
    }
    // Ages count from the question, not from the answer.
    this.#fetchedAt = now
  }

  async #use(jwks: Uint8Array): Promise<void> {
    const keys = await Promise.all(this.#options.inspect(jwks).map(verifier))
    // INVARIANT: module and verifiers change together, because a token's key is known by its place.
    this.#options.install(jwks)
    this.keys = keys
    this.#body = jwks
    this.#generation += 1
  }
}
