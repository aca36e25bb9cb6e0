import { events } from './events.js'
import { ask, type HttpOptions } from './http.js'
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
type List = InstanceType<Bindings['WithdrawalModule']>

/** Lists that one check waits for, where each is older than what the stream has told meanwhile */
const LOADS = 3
const LIMIT = 8 * 1024 * 1024
/** Place of a token that has none */
const NONE = -1
/** Milliseconds between two looks at a stream that may be silent */
const TICK = 1_000

export interface WithdrawalParts extends WithdrawalOptions {
  readonly issuer: string
  /** Whether the issuer's stream is followed where it has one */
  readonly listens: boolean
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

/** A verified token, whose handle the module knows, with its place once somebody has looked */
interface Kept {
  readonly handle: number
  place: number | undefined
}

/**
 * The issuer's status list (Token Status List) and the stream of its changes, both at the addresses that the issuer's
 * metadata name. The module says when to fetch, when to listen, and where a token stands; this carries it out. No
 * address of a token is ever asked.
 */
export class Withdrawals {
  readonly #parts: WithdrawalParts
  #list: List | undefined
  #uri: string | undefined
  #streamUri: string | undefined
  #flight: Promise<void> | undefined
  /** The second in which somebody has looked whether the list is about to end */
  #keptUpAt = Number.NaN
  #timer: ReturnType<typeof setInterval> | undefined
  #stream: { readonly id: bigint; readonly abort: AbortController } | undefined
  #isClosed = false

  constructor(parts: WithdrawalParts) {
    this.#parts = parts
  }

  /** At once, if a current list says it or the token has no status; a list that is about to end is fetched again. */
  known(kept: Kept): Standing {
    // A token of a server that keeps no list ends with its `exp` alone.
    if (kept.place === undefined && !this.#parts.module.has_status(kept.handle)) kept.place = NONE
    if (kept.place === NONE) return 'good'
    const list = this.#list
    if (list === undefined) return 'unknown'
    const now = this.#parts.now()
    const place = (kept.place ??= list.place(this.#parts.module, kept.handle))
    if (place < 0) return 'foreign'
    const standing = named(list.standing(place, now))
    if (standing !== 'unknown' && now !== this.#keptUpAt) this.#keepUp(list, now)
    return standing
  }

  /** Fetches the list if it has to be fetched. */
  async standing(kept: Kept): Promise<Standing> {
    const known = this.known(kept)
    if (known !== 'unknown') return known
    await this.#address().catch(() => {})
    if (this.known(kept) === 'foreign') return 'foreign'
    for (let loads = 0; loads < LOADS; loads += 1) {
      const isLoaded = await this.#fetch().then(() => true, () => false)
      const standing = this.known(kept)
      if (standing !== 'unknown') return standing
      if (!isLoaded) break
      // The stream has told of a change while a list from before it was on its way.
    }
    const { onStale = 'deny', now } = this.#parts
    if (this.#list === undefined) return onStale === 'until-exp' ? 'good' : 'unknown'
    return named(this.#list.last_standing(kept.place ?? 0, now()))
  }

  /** Ends the stream and opens none any more; the list is looked into as before. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#stream?.abort.abort()
  }

  #module(uri: string): List {
    const { engine, issuer, listens, onStale = 'deny', maxStaleness = 60 } = this.#parts
    return new engine.bindings.WithdrawalModule(issuer, uri, listens, onStale === 'until-exp', maxStaleness)
  }

  #keepUp(list: List, now: number): void {
    this.#keptUpAt = now
    if (list.is_ending(now)) this.#parts.http.waitUntil?.(this.#fetch().catch(() => {}))
  }

  async #address(): Promise<void> {
    if (this.#list !== undefined) return
    const { metadata, listens } = this.#parts
    const uri = await metadata.endpoint('status_list_uri')
    // An issuer without a stream is followed by its list.
    const streamUri = listens ? await metadata.endpoint('status_stream_uri').catch(() => undefined) : undefined
    if (this.#list !== undefined) return
    this.#uri = uri
    this.#streamUri = streamUri
    this.#list = this.#module(uri)
    if (streamUri !== undefined && !this.#isClosed) this.#follow(this.#list)
  }

  /** Looks after the stream from now on, without keeping the process alive. */
  #follow(list: List): void {
    this.#timer = setInterval(() => this.#tick(list), TICK)
    const timer: unknown = this.#timer
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
    this.#tick(list)
  }

  #tick(list: List): void {
    const now = this.#parts.now()
    list.give_up_silence(now)
    if (this.#stream !== undefined && this.#stream.id !== list.stream()) this.#stream.abort.abort()
    if (!this.#isClosed && list.may_listen(now)) void this.#listen(list, now)
    if (list.is_ending(now)) this.#fetch().catch(() => {})
  }

  async #listen(list: List, now: number): Promise<void> {
    const since = list.listen(now)
    const stream = { id: list.stream(), abort: new AbortController() }
    this.#stream = stream
    try {
      for await (const message of events(this.#streamUri ?? '', since, stream.abort.signal, this.#parts.http)) {
        const now = this.#parts.now()
        list.message(stream.id, message, now)
        // A gap: something was missed that only the list knows.
        if (list.is_ending(now)) this.#fetch().catch(() => {})
      }
    } catch {
      // The module says when to try again.
    } finally {
      stream.abort.abort()
      list.closed(stream.id, this.#parts.now())
    }
  }

  #fetch(): Promise<void> {
    if (this.#flight === undefined && this.#list?.may_fetch(this.#parts.now()) === false) {
      return Promise.reject(new Error('the status list cannot be had just now'))
    }
    this.#flight ??= this.#load()
      .catch((error: unknown) => {
        this.#list?.failed(this.#parts.now())
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
    const answer = await ask(this.#uri, { headers: { accept: 'application/statuslist+jwt' } }, LIMIT, http)
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
    let isTaken = false
    try {
      const { key, input, signature } = begun.signed() as { key: number; input: string; signature: number[] }
      const right = verifiers[key]?.(new TextEncoder().encode(input), Uint8Array.from(signature))
      isRight = (typeof right === 'object' ? await right : right) === true && keys().generation === generation
    } finally {
      // It takes the list over, whatever it is worth.
      isTaken = list.take(begun, isRight)
    }
    if (!isTaken) throw new Error('the status list is older than the last, or its signature is wrong')
    this.#keptUpAt = Number.NaN
  }
}

function named(standing: number): Standing {
  if (standing === 0) return 'good'
  if (standing === 3) return 'narrowed'
  return standing === -1 ? 'unknown' : 'withdrawn'
}
