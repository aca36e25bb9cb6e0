import { CountersignError } from '../errors.js'
import { json, object, refused, request, type Answer, type HttpOptions } from '../http.js'
import { MetadataSource } from '../metadata.js'
import { PatSource } from './pat.js'

const LIMIT = 4 * 1024 * 1024

/** Milliseconds before a call is repeated */
const PAUSE = 100

/** What a client of the protection API needs to know */
export interface ProtectionOptions extends HttpOptions {
  readonly issuer: string
  /** The resource server's client id */
  readonly clientId: string
  readonly clientSecret: string
  /** The time in milliseconds; `Date.now` by default */
  readonly clock?: () => number
}

/** A call of the protection API */
export interface Call {
  /** What it is for, to begin an error with */
  readonly what: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Name of the endpoint in the metadata, what comes after it, and the query */
  readonly endpoint: string
  readonly below?: string
  readonly query?: object
  readonly body?: unknown
  /** In the place of the resource server's own token */
  readonly token?: string
  /** To do it twice is to do it once, so that a call without an answer is made again. Not so for most `POST`s. */
  readonly isRepeatable: boolean
}

/** Makes calls of the protection API, with a token that renews itself. */
export class Calls {
  readonly metadata: MetadataSource
  readonly options: ProtectionOptions
  readonly #pats: PatSource

  constructor(options: ProtectionOptions) {
    this.options = options
    this.metadata = new MetadataSource(options.issuer, options)
    this.#pats = new PatSource(options, () => this.metadata.endpoint('token_endpoint'))
  }

  pat(): Promise<string> {
    return this.#pats.get()
  }

  /** An answer of success; everything else is an error. */
  async make(call: Call): Promise<Answer> {
    const url = await this.#url(call)
    let isUncertain = false
    let answer: Answer | undefined
    try {
      answer = await this.#authorized(call, url)
    } catch (error) {
      if (!call.isRepeatable || !isUnreachable(error)) throw error
      isUncertain = true
    }
    if (answer === undefined || (call.isRepeatable && isAway(answer))) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE))
      answer = await this.#authorized(call, url)
      isUncertain = true
    }
    // The first one had done it, and its answer was lost.
    if (isUncertain && call.method === 'DELETE' && answer.status === 404) return { ...answer, status: 204 }
    if (answer.status < 200 || answer.status > 299) throw refused(call.what, answer)
    return answer
  }

  /** Once with the PAT; with a new one where the server does not take the old one any more (FedAuthz §1.3). */
  async #authorized(call: Call, url: string): Promise<Answer> {
    if (call.token !== undefined) return this.#send(call, url, call.token)
    const pat = await this.#pats.get()
    const answer = await this.#send(call, url, pat)
    if (answer.status !== 401 && object(answer)?.['error'] !== 'invalid_bearer_token') return answer
    this.#pats.drop(pat)
    return this.#send(call, url, await this.#pats.get())
  }

  #send({ method, body }: Call, url: string, token: string): Promise<Answer> {
    const headers = { accept: 'application/json', authorization: `Bearer ${token}` }
    const init =
      body === undefined
        ? { method, headers }
        : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return request(url, init, LIMIT, this.options)
  }

  async #url({ endpoint, below = '', query = {} }: Call): Promise<string> {
    const url = new URL(`${await this.metadata.endpoint(endpoint)}${below}`)
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    return url.href
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof CountersignError && error.code === 'server_unreachable'
}

function isAway({ status }: Answer): boolean {
  return status === 502 || status === 503 || status === 504
}

/** All pages, one after the other, each fetched when the one before it has been used up */
export async function* pages<T>(size: number, page: (first: number, max: number) => Promise<readonly T[]>): AsyncGenerator<T, void, undefined> {
  for (let first = 0; ; first += size) {
    const items = await page(first, size)
    yield* items
    if (items.length < size) return
  }
}

/** Part of a path: an id can be any text. */
export function segment(id: string): string {
  // `.` and `..` would be taken for a step up.
  if (id === '' || id === '.' || id === '..') throw new CountersignError('invalid_configuration', 'an id must not be empty')
  return `/${encodeURIComponent(id)}`
}

export function list(answer: Answer, what: string): readonly unknown[] {
  if (answer.status === 204) return []
  const value = json(answer)
  if (!Array.isArray(value)) throw unexpected(what)
  return value
}

export function members(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected(what)
  return { ...value }
}

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw unexpected(what)
  return value
}

export function unexpected(what: string): CountersignError {
  return new CountersignError('unexpected_answer', `${what}: the authorization server's answer lacks what it must hold`)
}
