import { fromBase64Url } from './bytes.js'
import type { Permitted, RptClaims } from './types.js'

/** Answers kept for one token; beyond that the module is asked again */
const ANSWERS = 16

interface KeptAnswer {
  readonly isName: boolean
  readonly resource: string
  readonly scopes: readonly string[]
  /** Last second for which the module stands by it */
  readonly until: number
  readonly answer: Permitted
}

/** A token whose signature was verified, with what the module has permitted it so far */
export class SeenToken {
  readonly token: string
  readonly handle: number
  /** Its place in the issuer's status list, once somebody has looked */
  place?: number
  #answers: KeptAnswer[] | undefined
  #claims: RptClaims | undefined

  constructor(token: string, handle: number) {
    this.token = token
    this.handle = handle
  }

  /** Its claims. The module has verified these bytes; this only makes an object of them. */
  get claims(): RptClaims {
    if (this.#claims === undefined) {
      const payload = this.token.slice(this.token.indexOf('.') + 1, this.token.lastIndexOf('.'))
      this.#claims = Object.freeze(JSON.parse(new TextDecoder().decode(fromBase64Url(payload))) as RptClaims)
    }
    return this.#claims
  }

  recall(isName: boolean, resource: string, scopes: readonly string[], now: number): Permitted | undefined {
    if (this.#answers === undefined) return undefined
    for (const kept of this.#answers) {
      const isSameRequest = kept.resource === resource && kept.isName === isName && isSame(kept.scopes, scopes)
      if (isSameRequest && now <= kept.until) return kept.answer
    }
    return undefined
  }

  remember(kept: KeptAnswer): void {
    if (this.#answers === undefined || this.#answers.length >= ANSWERS) this.#answers = [kept]
    else this.#answers.push(kept)
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false
  return true
}

/**
 * The tokens seen last, by the end of their signature. A hit needs the whole token to be equal, so that an end that
 * two tokens share decides nothing.
 */
export class SeenTokens {
  readonly #tokens = new Map<string, SeenToken>()
  readonly #most: number
  readonly #forget: (handle: number) => void

  constructor(most: number, forget: (handle: number) => void) {
    this.#most = most
    this.#forget = forget
  }

  get(token: string): SeenToken | undefined {
    const seen = this.#tokens.get(token.slice(-43))
    return seen !== undefined && seen.token === token ? seen : undefined
  }

  add(seen: SeenToken): void {
    const key = seen.token.slice(-43)
    this.#drop(key)
    this.#tokens.set(key, seen)
    if (this.#tokens.size > this.#most) {
      for (const oldest of this.#tokens.keys()) {
        this.#drop(oldest)
        break
      }
    }
  }

  remove(token: string): void {
    if (this.get(token) !== undefined) this.#drop(token.slice(-43))
  }

  clear(): void {
    for (const key of [...this.#tokens.keys()]) this.#drop(key)
  }

  #drop(key: string): void {
    const seen = this.#tokens.get(key)
    if (seen === undefined) return
    this.#tokens.delete(key)
    this.#forget(seen.handle)
  }
}
