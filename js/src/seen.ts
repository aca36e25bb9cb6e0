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
  /** What it is looked for by */
  readonly mark: number
  /** Its place in the issuer's status list, once somebody has looked */
  place: number | undefined = undefined
  #isAsked = false
  #answers: KeptAnswer[] | undefined
  #claims: RptClaims | undefined

  constructor(token: string, handle: number) {
    this.token = token
    this.handle = handle
    this.mark = markOf(token)
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

  /** Keeps an answer, but for the first: most tokens are asked for one thing, once. */
  remember(kept: KeptAnswer): void {
    if (!this.#isAsked) this.#isAsked = true
    else if (this.#answers === undefined || this.#answers.length >= ANSWERS) this.#answers = [kept]
    else this.#answers.push(kept)
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false
  return true
}

/** A number of the end of a token, which is that of its signature: as good as random, and nobody's to choose */
function markOf(token: string): number {
  let mark = 0
  for (let at = token.length - 8; at < token.length; at += 1) mark = (Math.imul(mark, 67) + token.charCodeAt(at)) | 0
  return mark
}

/**
 * The tokens seen last, by their marks. A hit needs the whole token to be equal, so that a mark that two tokens share
 * decides nothing; the later one takes its place.
 */
export class SeenTokens {
  readonly #tokens = new Map<number, SeenToken>()
  /** All of them and some that are gone, from the next to go on around to the latest */
  readonly #order: SeenToken[] = []
  #next = 0
  readonly #most: number
  readonly #forget: (handle: number) => void

  constructor(most: number, forget: (handle: number) => void) {
    this.#most = most
    this.#forget = forget
  }

  get(token: string): SeenToken | undefined {
    const seen = this.#tokens.get(markOf(token))
    return seen !== undefined && seen.token === token ? seen : undefined
  }

  add(seen: SeenToken): void {
    this.#drop(this.#tokens.get(seen.mark))
    if (this.#order.length < this.#most) this.#order.push(seen)
    else {
      this.#drop(this.#order[this.#next])
      this.#order[this.#next] = seen
      this.#next = (this.#next + 1) % this.#most
    }
    this.#tokens.set(seen.mark, seen)
  }

  remove(token: string): void {
    this.#drop(this.get(token))
  }

  clear(): void {
    for (const seen of this.#tokens.values()) this.#forget(seen.handle)
    this.#tokens.clear()
    this.#order.length = 0
    this.#next = 0
  }

  #drop(seen: SeenToken | undefined): void {
    if (seen === undefined || this.#tokens.get(seen.mark) !== seen) return
    this.#tokens.delete(seen.mark)
    this.#forget(seen.handle)
  }
}
