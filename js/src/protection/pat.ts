import { CountersignError } from '../errors.js'
import { ask, basic, object, refused, type HttpOptions } from '../http.js'

const LIMIT = 256 * 1024

/** Seconds before its end at which a token is not used for a new request */
const MARGIN = 10

/** Who gets the token */
export interface PatOptions extends HttpOptions {
  readonly clientId: string
  readonly clientSecret: string
  readonly clock?: () => number
}

/** The resource server's token (PAT, FedAuthz §1.3), by client credentials (RFC 6749 §4.4), renewed in time */
export class PatSource {
  readonly #options: PatOptions
  readonly #endpoint: () => Promise<string>
  #token: string | undefined
  #until = 0
  #flight: Promise<string> | undefined

  constructor(options: PatOptions, endpoint: () => Promise<string>) {
    this.#options = options
    this.#endpoint = endpoint
  }

  /** A token that is good for some seconds at least; one request for all who wait. */
  async get(): Promise<string> {
    if (this.#token !== undefined && this.#now() < this.#until) return this.#token
    this.#flight ??= this.#fetch().finally(() => {
      this.#flight = undefined
    })
    return this.#flight
  }

  /** Forgets a token that the server has refused, unless another has taken its place by now. */
  drop(refused: string): void {
    if (this.#token === refused) this.#token = undefined
  }

  async #fetch(): Promise<string> {
    const { clientId, clientSecret } = this.#options
    const url = await this.#endpoint()
    const headers = {
      accept: 'application/json',
      authorization: basic(clientId, clientSecret),
      'content-type': 'application/x-www-form-urlencoded',
    }
    const body = 'grant_type=client_credentials'
    const asked = this.#now()
    const answer = await ask(url, { method: 'POST', headers, body }, LIMIT, this.#options)
    if (answer.status !== 200) throw refused('get a token', answer)
    const { access_token: token, expires_in: life } = object(answer) ?? {}
    if (typeof token !== 'string') {
      throw new CountersignError('unexpected_answer', 'get a token: the authorization server sent none')
    }
    this.#token = token
    this.#until = asked + (typeof life === 'number' ? Math.max(0, life - MARGIN) : 0)
    return token
  }

  #now(): number {
    return (this.#options.clock ?? Date.now)() / 1_000
  }
}
