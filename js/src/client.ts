import { findChallenge, type Challenge } from './challenge.js'
import { NeedInfoError, RequestSubmittedError, UmaError } from './client/errors.js'
import { Exchange, type Outcome } from './client/exchange.js'
import type { AuthorizationServer, ClaimToken, UmaFetchOptions, UmaRequestInit } from './client/options.js'
import { Rpts } from './client/rpts.js'
import { Submission } from './client/submission.js'
import { ready } from './engine.js'
import { CountersignError } from './errors.js'
import { checkUrl } from './http.js'
import { MetadataSource } from './metadata.js'

export {
  NeedInfoError, RequestSubmittedError, UmaError, type RequiredClaim, type UmaErrorCode,
} from './client/errors.js'
export type { AuthorizationServer, ClaimToken, UmaFetchOptions, UmaRequestInit } from './client/options.js'
export { Submission } from './client/submission.js'
export { CountersignError, ServerError, type ErrorCode } from './errors.js'
export { allowInsecureRequests, type HttpOptions } from './http.js'

/** Questions about the requesting party that are answered for one request */
const ROUNDS = 5

/** Times that one request is sent: as it is, with what another has got meanwhile, with its own, and once more of each */
const SENDINGS = 5

/** A `fetch` that gets permission by itself */
export interface UmaFetch {
  (input: string | URL | Request, init?: UmaRequestInit): Promise<Response>
  /** Forgets all tokens. Call it when somebody signs out: they are those of who was signed in. */
  forget(): void
}

/**
 * Makes a `fetch` that answers UMA challenges: it exchanges the ticket for a token, sends the request once more with it,
 * and keeps the token for the next request to the same resource. Where no permission can be had it rejects with
 * `UmaError`; all other answers of the server are returned as they are.
 *
 * @example
 * const umaFetch = createUmaFetch({
 *   authorizationServers: [{ issuer, origins: ['https://files.example'], token: () => session.accessToken }],
 * })
 * const response = await umaFetch('https://files.example/documents/42')
 */
export function createUmaFetch(options: UmaFetchOptions): UmaFetch {
  const client = new UmaClient(options)
  return Object.assign((input: string | URL | Request, init?: UmaRequestInit) => client.fetch(input, init), {
    forget: () => client.forget(),
  })
}

/** A request on its way */
interface Asked {
  /** The URL without its query, for people */
  readonly resource: string
  /** What shares one RPT; never shared by two origins */
  readonly key: string
  readonly origin: string
  readonly signal: AbortSignal | undefined
  readonly isReplayable: boolean
  readonly waits: boolean
  send(rpt: string | undefined): Promise<Response>
}

class UmaClient {
  readonly #options: UmaFetchOptions
  readonly #exchanges: readonly Exchange[]
  readonly #rpts: Rpts

  constructor(options: UmaFetchOptions) {
    const { authorizationServers: servers, cacheSize = 1_000, clock = Date.now } = options
    if (!Number.isInteger(cacheSize) || cacheSize < 1) {
      throw new CountersignError('invalid_configuration', '`cacheSize` must be a whole number of at least 1')
    }
    this.#options = options
    this.#rpts = new Rpts(cacheSize, clock)
    this.#exchanges = servers.map((server) => {
      checkServer(server, options)
      return new Exchange(server, new MetadataSource(server.issuer, options), options, clock)
    })
  }

  forget(): void {
    this.#rpts.clear()
  }

  async fetch(input: string | URL | Request, init: UmaRequestInit = {}): Promise<Response> {
    const asked = this.#asked(input, init)
    let rpt = this.#rpts.get(asked.key)
    let response = await asked.send(rpt)
    let isExchanged = false
    for (let sendings = 1; sendings < SENDINGS; sendings += 1) {
      const found = await challengeOf(response, asked)
      if (found === undefined || isExchanged) return response
      await response.body?.cancel()
      const used = rpt
      const got = await this.#rpts.inTurn(asked.key, () => this.#permission(found, asked, used))
      // Whoever waits for an owner may have to send the request for another ticket, as often as it takes.
      if (got instanceof Submission && !(await this.#granted(got, asked))) sendings -= 1
      if (!asked.isReplayable) {
        const message = 'the body was a stream and is gone; permission has been got, so send the request again'
        throw new UmaError('body_used', asked.resource, message)
      }
      rpt = this.#rpts.get(asked.key)
      isExchanged = got === 'exchanged'
      response = await asked.send(rpt)
    }
    return response
  }

  /** Uses what another request has got in the meantime, else finds out what the ticket is good for. */
  async #permission(challenge: Challenge, asked: Asked, used: string | undefined): Promise<Submission | 'exchanged' | 'shared'> {
    const exchange = this.#exchangeFor(challenge, asked)
    const current = this.#rpts.get(asked.key)
    if (current !== undefined && current !== used) return 'shared'
    return (await this.#redeem(exchange, challenge.ticket, current, asked)) ?? 'exchanged'
  }

  /** Waits for the owner, if that is wanted. False where the ticket has not lived as long as the owner took. */
  async #granted(submission: Submission, { waits, signal }: Asked): Promise<boolean> {
    this.#options.onSubmitted?.(submission)
    if (!waits) throw new RequestSubmittedError(submission)
    try {
      await submission.wait({ signal })
      return true
    } catch (error) {
      if (error instanceof UmaError && error.code === 'ticket_over') return false
      throw error
    }
  }

  /** Tokens go to an authorization server that is configured for this origin, and to no other (UMA Grant §5.7). */
  #exchangeFor({ as_uri: issuer }: Challenge, { origin, resource }: Asked): Exchange {
    const exchange = this.#exchanges.find(({ server }) => server.issuer === issuer && server.origins.includes(origin))
    if (exchange !== undefined) return exchange
    const message = `\`${origin}\` sends to an authorization server that is not configured for it`
    throw new UmaError('untrusted_server', resource, message)
  }

  /** Until the ticket has become a token; a submission where the owner has to be waited for. */
  async #redeem(exchange: Exchange, first: string, rpt: string | undefined, { resource, key, signal }: Asked): Promise<Submission | undefined> {
    let ticket = first
    let old = rpt
    let claim: ClaimToken | undefined
    for (let round = 0; round < ROUNDS; round += 1) {
      const outcome: Outcome = await exchange.present({ ticket, rpt: old, claim, signal })
      switch (outcome.kind) {
        case 'granted':
          this.#rpts.set(key, outcome.rpt)
          return undefined
        case 'bad_rpt':
          this.#rpts.drop(key)
          old = undefined
          break
        case 'need_info': {
          ticket = outcome.ticket
          const need = new NeedInfoError(resource, ticket, outcome.claims, ownAddress(outcome.redirect, exchange.server))
          claim = await this.#options.onNeedInfo?.(need)
          if (claim === undefined) throw need
          break
        }
        case 'submitted':
          return new Submission({
            resource,
            exchange,
            ticket: outcome.ticket ?? ticket,
            interval: outcome.interval,
            keep: (granted) => this.#rpts.set(key, granted),
            sleep: this.#options.sleep ?? sleep,
          })
        case 'denied':
          throw new UmaError('request_denied', resource, 'the authorization server denies the permission')
        case 'ticket_over':
          throw new UmaError('ticket_over', resource, 'the ticket is of no use any more', { cause: outcome.error })
        case 'later':
          throw outcome.error
      }
    }
    throw new UmaError('need_info', resource, 'the authorization server goes on asking for claims')
  }

  #asked(input: string | URL | Request, init: UmaRequestInit): Asked {
    const { waitForOwner = false, ...plain } = init
    const given = typeof input === 'object' && 'headers' in input ? input : undefined
    const url = new URL(given?.url ?? String(input), globalThis.location?.href)
    const body = plain.body ?? given?.body ?? undefined
    const isReplayable = body === undefined || body === null || (plain.body !== undefined && !isOnce(plain.body))
    const headers = new Headers(plain.headers ?? given?.headers)
    const isTheirs = headers.has('authorization')
    const send = this.#options.fetch ?? globalThis.fetch
    let isFirst = true
    return {
      resource: `${url.origin}${url.pathname}`,
      key: `${url.origin} ${this.#options.resourceOf?.(url) ?? url.pathname}`,
      origin: url.origin,
      signal: plain.signal ?? given?.signal,
      isReplayable,
      waits: waitForOwner,
      send: (rpt) => {
        const own = new Headers(headers)
        // The caller's own header goes first; what a challenge was answered with takes its place.
        if (rpt !== undefined && !(isTheirs && isFirst)) own.set('authorization', `Bearer ${rpt}`)
        isFirst = false
        return send(input, { ...plain, headers: own })
      },
    }
  }
}

/** The UMA challenge of an answer. The module that reads it is loaded here, at the first one. */
async function challengeOf(response: Response, { origin }: Asked): Promise<Challenge | undefined> {
  if (response.status !== 401 && response.status !== 403) return undefined
  const value = response.headers.get('www-authenticate')
  if (value === null || !/\buma\b/i.test(value)) return undefined
  // A redirect has led to somebody else, whose ticket would become a token for the first one to see.
  if (response.redirected && new URL(response.url).origin !== origin) return undefined
  await ready()
  try {
    return findChallenge(value)
  } catch {
    return undefined
  }
}

/** An address to send a person to: of the authorization server's own origin, or none (TRAP-UMA-29) */
function ownAddress(redirect: string | undefined, { issuer }: AuthorizationServer): string | undefined {
  if (redirect === undefined || !URL.canParse(redirect)) return undefined
  const url = new URL(redirect)
  return url.origin === new URL(issuer).origin && url.username === '' && url.password === '' ? url.href : undefined
}

/** Whether a body can be read only once */
function isOnce(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false
  const isKnown =
    body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob || body instanceof URLSearchParams ||
    body instanceof FormData
  return !isKnown
}

function checkServer({ issuer, origins, clientId, token }: AuthorizationServer, options: UmaFetchOptions): void {
  checkUrl(issuer, 'authorizationServers[].issuer', options)
  if (origins.length === 0) {
    throw new CountersignError('invalid_configuration', '`authorizationServers[].origins` is empty: nobody may send there')
  }
  for (const origin of origins) {
    checkUrl(origin, 'authorizationServers[].origins', options)
    if (new URL(origin).origin !== origin) {
      throw new CountersignError('invalid_configuration', `\`${origin}\` is no origin, such as \`https://files.example\``)
    }
  }
  if (token === undefined && clientId === undefined) {
    throw new CountersignError('invalid_configuration', '`authorizationServers[]` needs `token`, `clientId`, or both')
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
