import type { Rpt } from './exchange.js'

/** Milliseconds before its end at which a token is not used for a new request */
const MARGIN = 5_000

/** One RPT for each resource; a new one takes the old one's place. */
export class Rpts {
  readonly #most: number
  readonly #clock: () => number
  readonly #rpts = new Map<string, Rpt>()
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(most: number, clock: () => number) {
    this.#most = most
    this.#clock = clock
  }

  get(resource: string): string | undefined {
    const rpt = this.#rpts.get(resource)
    if (rpt === undefined) return undefined
    if (this.#clock() < rpt.until - MARGIN) return rpt.token
    this.#rpts.delete(resource)
    return undefined
  }

  set(resource: string, rpt: Rpt): void {
    this.#rpts.delete(resource)
    this.#rpts.set(resource, rpt)
    for (const oldest of this.#rpts.keys()) {
      if (this.#rpts.size <= this.#most) break
      this.#rpts.delete(oldest)
    }
  }

  drop(resource: string): void {
    this.#rpts.delete(resource)
  }

  clear(): void {
    this.#rpts.clear()
  }

  /** Lets one at a time work for a resource, in the order of coming. */
  async inTurn<T>(resource: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(resource) ?? Promise.resolve()
    const mine = before.then(work, work)
    const done = mine.catch(() => {})
    this.#turns.set(resource, done)
    try {
      return await mine
    } finally {
      if (this.#turns.get(resource) === done) this.#turns.delete(resource)
    }
  }
}
