import { CountersignError } from '../errors.js'
import { basic, object, refused, request, type Answer, type HttpOptions } from '../http.js'
import type { MetadataSource } from '../metadata.js'
import type { RequiredClaim } from './errors.js'
import type { AuthorizationServer, ClaimToken } from './options.js'

const LIMIT = 1024 * 1024
const GRANT = 'urn:ietf:params:oauth:grant-type:uma-ticket'

/** A token for a resource, and until when it is of use */
export interface Rpt {
  readonly token: string
  /** In milliseconds since 1970 */
  readonly until: number
}

/** What the token endpoint said of a ticket (UMA Grant §3.3.5, §3.3.6, and Keycloak's form, wire §6.5) */
export type Outcome =
  | { readonly kind: 'granted'; readonly rpt: Rpt }
  | { readonly kind: 'need_info'; readonly ticket: string; readonly claims: readonly RequiredClaim[]; readonly redirect: string | undefined }
  /** Without a ticket the old one stays good (Keycloak). */
  | { readonly kind: 'submitted'; readonly ticket: string | undefined; readonly interval: number | undefined }
  | { readonly kind: 'denied' }
  /** Not now: asked too often, or the server is away. The ticket is as good as before. */
  | { readonly kind: 'later'; readonly seconds: number | undefined; readonly error: unknown }
  | { readonly kind: 'ticket_over'; readonly error: unknown }
  | { readonly kind: 'bad_rpt' }

/** One request to the token endpoint with a ticket */
export interface Presented {
  readonly ticket: string
  readonly rpt?: string | undefined
  readonly claim?: ClaimToken | undefined
  readonly signal?: AbortSignal | undefined
}

/** Exchanges tickets at one authorization server. Its address comes from configuration, never from a challenge. */
export class Exchange {
  readonly server: AuthorizationServer
  readonly #metadata: MetadataSource
  readonly #options: HttpOptions
  readonly #clock: () => number

  constructor(server: AuthorizationServer, metadata: MetadataSource, options: HttpOptions, clock: () => number) {
    this.server = server
    this.#metadata = metadata
    this.#options = options
    this.#clock = clock
  }

  async present({ ticket, rpt, claim, signal }: Presented): Promise<Outcome> {
    const form = new URLSearchParams({ grant_type: GRANT, ticket })
    if (rpt !== undefined) form.set('rpt', rpt)
    if (claim !== undefined) {
      form.set('claim_token', claim.token)
      form.set('claim_token_format', claim.format)
    }
    const headers: Record<string, string> = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
    const { clientId, clientSecret, token } = this.server
    const bearer = await token?.()
    signal?.throwIfAborted()
    if (clientSecret !== undefined && clientId !== undefined) {
      headers['authorization'] = basic(clientId, clientSecret)
      if (bearer !== undefined) form.set('subject_token', bearer)
    } else {
      if (clientId !== undefined) form.set('client_id', clientId)
      if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`
    }
    const asked = this.#clock()
    let answer: Answer
    try {
      const url = await this.#metadata.endpoint('token_endpoint')
      const init = { method: 'POST', headers, body: form.toString(), ...(signal === undefined ? {} : { signal }) }
      answer = await request(url, init, LIMIT, this.#options)
    } catch (error) {
      if (!(error instanceof CountersignError) || error.code !== 'server_unreachable') throw error
      return { kind: 'later', seconds: undefined, error }
    }
    return this.#outcome(answer, asked)
  }

  #outcome(answer: Answer, asked: number): Outcome {
    const said = object(answer) ?? {}
    const { error, error_description: description, ticket } = said
    if (answer.status === 200) return { kind: 'granted', rpt: rptOf(said, asked) }
    const failure = refused('exchange a ticket', answer)
    if (answer.status === 429 || answer.status >= 500) {
      return { kind: 'later', seconds: seconds(Number(answer.headers.get('retry-after') ?? undefined)), error: failure }
    }
    if (error === 'need_info' && typeof ticket === 'string') {
      const { required_claims: claims, redirect_user: redirect } = said
      return {
        kind: 'need_info',
        ticket,
        claims: Array.isArray(claims) ? claims.filter((claim) => typeof claim === 'object' && claim !== null) : [],
        redirect: typeof redirect === 'string' ? redirect : undefined,
      }
    }
    if (error === 'request_submitted' && typeof ticket === 'string') {
      return { kind: 'submitted', ticket, interval: seconds(said['interval']) }
    }
    if (error === 'access_denied' && description === 'request_submitted') {
      return { kind: 'submitted', ticket: undefined, interval: undefined }
    }
    if (error === 'request_denied' || error === 'access_denied') return { kind: 'denied' }
    if (error === 'invalid_rpt') return { kind: 'bad_rpt' }
    const isOver = error === 'invalid_ticket' || (error === 'invalid_grant' && description !== 'Invalid bearer token')
    if (isOver) return { kind: 'ticket_over', error: failure }
    throw failure
  }
}

function rptOf({ access_token: token, token_type: type, expires_in: life }: Record<string, unknown>, asked: number): Rpt {
  const isBearer = type === undefined || (typeof type === 'string' && type.toLowerCase() === 'bearer')
  // A token ends up in a header.
  if (typeof token !== 'string' || !/^[\w.~+/-]+=*$/.test(token) || !isBearer) {
    throw new CountersignError('unexpected_answer', 'exchange a ticket: the authorization server sent no bearer token')
  }
  return { token, until: asked + (typeof life === 'number' && life > 0 ? life * 1_000 : 60_000) }
}

function seconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}
