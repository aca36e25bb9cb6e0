import type { JsonWebKey } from 'node:crypto'

import { CountersignError } from './errors.js'
import { request, type HttpOptions } from './http.js'
import { discover } from './metadata.js'
import { verificationKey, type VerificationKey } from './signature.js'

const LIMIT = 256 * 1024

/** Seconds for which keys are taken as current, and kept while the server is away */
const MAX_AGE = 600
const HARD_AGE = 3_600
/** Seconds between two fetches where there are keys to use, and where there are none */
const COOL_DOWN = 30
const RETRY = 1

export interface KeySourceOptions extends HttpOptions {
  readonly issuer: string
  readonly jwksUri: string | undefined
  /** The present second */
  readonly now: () => number
  /** Gives a changed key set to the module, which answers with those keys that are of use */
  readonly accept: (jwks: Uint8Array) => JsonWebKey[]
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
  /** In the module's order; a gap where the platform finds fault with a key, such as a point off the curve */
  keys: readonly (VerificationKey | undefined)[] = []

  constructor(options: KeySourceOptions) {
    this.#options = options
    this.#uri = options.jwksUri
  }

  /** Whether the keys may be used now. */
  isUsable(now: number): boolean {
    return now - this.#fetchedAt <= HARD_AGE
  }

  /** Resolves when there are keys to use; rejects when there are none to be had. */
  async ready(): Promise<void> {
    const now = this.#options.now()
    if (this.isUsable(now)) {
      this.renewIfOld(now)
      return
    }
    if (this.#flight === undefined && now - this.#triedAt < RETRY) {
      throw new CountersignError('server_unreachable', 'the keys of the issuer could not be fetched just now')
    }
    await this.#fetch()
  }

  /** Fetches in the background what is no longer fresh. */
  renewIfOld(now: number): void {
    if (now - this.#fetchedAt > MAX_AGE && now - this.#triedAt >= COOL_DOWN) void this.#fetch().catch(() => {})
  }

  /** Looks for a key that a token names and nobody knows: at most once in 30 seconds. True if something was fetched. */
  async lookAgain(): Promise<boolean> {
    if (this.#flight === undefined && this.#options.now() - this.#triedAt < COOL_DOWN) return false
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
    this.#triedAt = this.#options.now()
    this.#uri ??= (await discover(this.#options.issuer, this.#options)).endpoint('jwks_uri')
    const answer = await request(this.#uri, { headers: { accept: 'application/json' } }, LIMIT, this.#options)
    if (answer.status !== 200) {
      throw new CountersignError('unexpected_answer', `\`${this.#uri}\` answered ${answer.status}`)
    }
    if (this.#body === undefined || Buffer.compare(this.#body, answer.body) !== 0) {
      this.keys = this.#options.accept(answer.body).map(verificationKey)
      this.#body = answer.body
    }
    this.#fetchedAt = this.#options.now()
  }
}
