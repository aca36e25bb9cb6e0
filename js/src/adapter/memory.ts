/** Tokens that are kept */
const TOKENS = 1_000

/** Answers of the authorization server about paths, for a time (wire §11.2, `path-cache`) */
export class PathCache<Value> {
  readonly #most: number
  readonly #lifespan: number
  readonly #clock: () => number
  readonly #kept = new Map<string, { readonly value: Value; readonly at: number }>()
  readonly #flights = new Map<string, Promise<Value>>()

  /** A lifespan of 0 keeps nothing, one of -1 keeps for ever. */
  constructor(most: number, lifespan: number, clock: () => number) {
    this.#most = most
    this.#lifespan = lifespan
    this.#clock = clock
  }

  async get(key: string, load: () => Promise<Value>): Promise<Value> {
    const kept = this.#kept.get(key)
    const age = kept === undefined ? Number.NaN : this.#clock() - kept.at
    if (kept !== undefined && (this.#lifespan < 0 || (age >= 0 && age < this.#lifespan))) return kept.value
    let flight = this.#flights.get(key)
    if (flight === undefined) {
      flight = load().finally(() => this.#flights.delete(key))
      this.#flights.set(key, flight)
    }
    const value = await flight
    if (this.#lifespan !== 0 && this.#most > 0) {
      this.#kept.delete(key)
      this.#kept.set(key, { value, at: this.#clock() })
      if (this.#kept.size > this.#most) this.#kept.delete(this.#kept.keys().next().value as string)
    }
    return value
  }

  delete(key: string): void {
    this.#kept.delete(key)
  }
}

/** What was got in the name of a token */
export class TokenCache {
  readonly #kept = new Map<string, string>()

  get(key: string): string | undefined {
    return this.#kept.get(key)
  }

  set(key: string, rpt: string): void {
    this.#kept.delete(key)
    this.#kept.set(key, rpt)
    if (this.#kept.size > TOKENS) this.#kept.delete(this.#kept.keys().next().value as string)
  }
}
