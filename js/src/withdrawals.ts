import { request, type HttpOptions } from './http.js'
import type { MetadataSource } from './metadata.js'
import type { GateEngine, Verifier } from './platform/types.js'

/** How a guard learns that a token was taken back before its end */
export interface WithdrawalOptions {
  /** What is done when the list cannot be had: after `maxStaleness` deny, or believe tokens until their `exp` */
  readonly onStale?: 'deny' | 'until-exp'
  /** Seconds for which an old list serves while no newer one can be had; 60 by default */
  readonly maxStaleness?: number
}

/** Where a token stands */
export type Standing = 'good' | 'narrowed' | 'withdrawn' | 'foreign' | 'unknown'

type Bindings = GateEngine['bindings']
type Guard = InstanceType<Bindings['GuardModule']>

const LIMIT = 8 * 1024 * 1024
/** Place of a token that has none */
const NONE = -1
/** Seconds between two attempts after a failure */
const RETRY = 1

export interface WithdrawalParts extends WithdrawalOptions {
  readonly issuer: string
  readonly http: HttpOptions & { readonly waitUntil?: (work: Promise<unknown>) => void }
  readonly metadata: MetadataSource
  readonly engine: GateEngine
  readonly module: Guard
  /** The verifiers of the issuer's keys, in the module's order, with a number that is another whenever they are */
  readonly keys: () => { readonly verifiers: readonly (Verifier | undefined)[]; readonly generation: number }
  /** Looks for keys that nobody knows; true if some were fetched */
  readonly lookAgain: () => Promise<boolean>
  readonly now: () => number
}

/**
 * The issuer's status list (Token Status List): fetched at its `ttl` while tokens are checked, from the address that the
 * issuer's metadata name. No address of a token is ever fetched.
 */
export class Withdrawals {
  readonly #parts: WithdrawalParts
  /** Knows no list, and so only whether a token has a place in any */
  readonly #nowhere: InstanceType<Bindings['WithdrawalModule']>
  #list: InstanceType<Bindings['WithdrawalModule']> | undefined
  #uri: string | undefined
  #flight: Promise<void> | undefined
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(parts: WithdrawalParts) {
    this.#parts = parts
    this.#nowhere = new parts.engine.bindings.WithdrawalModule(parts.issuer, '')
  }

  /** At once, if a current list says it or the token has no status; a list that is about to end is fetched again. */
  known(token: string, kept: { place?: number }): Standing {
    // A token of a server that keeps no list ends with its `exp` alone.
    if ((kept.place ?? this.#nowhere.place(token)) === NONE) {
      kept.place = NONE
      return 'good'
    }
    const list = this.#list
    if (list === undefined) return 'unknown'
    const now = this.#parts.now()
    const place = (kept.place ??= list.place(token))
    if (place < 0) return 'foreign'
    const standing = named(list.standing(place, undefined, now))
    if (standing !== 'unknown' && !list.is_current(Math.ceil(list.ttl_seconds() / 4), now)) {
      this.#parts.http.waitUntil?.(this.#fetch().catch(() => {}))
    }
    return standing
  }

  /** Fetches the list if it has to be fetched. */
  async standing(token: string, kept: { place?: number }): Promise<Standing> {
    const known = this.known(token, kept)
    if (known !== 'unknown') return known
    await this.#address().catch(() => {})
    if (this.known(token, kept) === 'foreign') return 'foreign'
    await this.#fetch().catch(() => {})
    const list = this.#list
    const { onStale = 'deny', maxStaleness = 60, now } = this.#parts
    if (list === undefined) return onStale === 'until-exp' ? 'good' : 'unknown'
    const last = this.known(token, kept)
    if (last !== 'unknown') return last
    const old = named(list.standing(kept.place ?? 0, onStale === 'deny' ? maxStaleness : 0xffff_ffff, now()))
    return old === 'unknown' && onStale === 'until-exp' ? 'good' : old
  }

  async #address(): Promise<void> {
    if (this.#list !== undefined) return
    const { metadata, engine, issuer } = this.#parts
    const uri = await metadata.endpoint('status_list_uri')
    if (this.#list !== undefined) return
    this.#uri = uri
    this.#list = new engine.bindings.WithdrawalModule(issuer, uri)
  }

  #fetch(): Promise<void> {
    const now = this.#parts.now()
    const pause = now >= this.#failedAt ? now - this.#failedAt : Number.POSITIVE_INFINITY
    if (this.#flight === undefined && pause < RETRY) return Promise.reject(new Error('the status list cannot be had just now'))
    this.#flight ??= this.#load()
      .catch((error: unknown) => {
        this.#failedAt = this.#parts.now()
        throw error
      })
      .finally(() => {
        this.#flight = undefined
      })
    this.#flight.catch(() => {})
    return this.#flight
  }

  async #load(): Promise<void> {
    await this.#address()
    const { http, module, now, keys, lookAgain } = this.#parts
    const list = this.#list
    if (list === undefined || this.#uri === undefined) return
    const began = now()
    const answer = await request(this.#uri, { headers: { accept: 'application/statuslist+jwt' } }, LIMIT, http)
    if (answer.status !== 200) throw new Error(`the status list answered ${answer.status}`)
    const begin = (): ReturnType<typeof list.begin> => list.begin(module, answer.body, began, now())
    let begun: ReturnType<typeof list.begin>
    try {
      begun = begin()
    } catch (error) {
      // Perhaps by a key that is new.
      if (!(await lookAgain())) throw error
      begun = begin()
    }
    const { verifiers, generation } = keys()
    let isRight = false
    try {
      const { key, input, signature } = begun.signed() as { key: number; input: string; signature: number[] }
      const right = verifiers[key]?.(new TextEncoder().encode(input), Uint8Array.from(signature))
      isRight = (typeof right === 'object' ? await right : right) === true && keys().generation === generation
    } finally {
      // It takes the list over, whatever it is worth.
      list.take(begun, isRight)
    }
    if (!isRight) throw new Error('the signature of the status list is wrong')
  }
}

function named(standing: number): Standing {
  if (standing === 0) return 'good'
  if (standing === 3) return 'narrowed'
  return standing === -1 ? 'unknown' : 'withdrawn'
}
