import { CountersignError, thrown } from '../errors.js'
import { checkUrl } from '../http.js'
import { denied } from '../decision.js'
import type { TokenGuard } from '../guard.js'
import { MetadataSource } from '../metadata.js'
import type { GateEngine } from '../platform/types.js'
import { entitled } from '../protection/entitlement.js'
import type { PermissionRequest, Protection, ProtectionOptions } from '../protection.js'
import type { SeenToken } from '../seen.js'
import type { Denied, DpopRequest, Permission } from '../types.js'
import { askService, type ClaimService } from './claims.js'
import { PathCache, TokenCache } from './memory.js'
import type { Access, Arrived, UmaOptions } from './uma.js'

/** Keycloak's adapter configuration, as its file has it (wire §11.2) */
export interface KeycloakConfig {
  readonly realm?: string
  readonly 'auth-server-url'?: string
  readonly resource?: string
  readonly credentials?: { readonly secret?: string; readonly [name: string]: unknown }
  readonly 'policy-enforcer'?: object
  readonly [name: string]: unknown
}

/** More of a request, for claims that the configuration makes of it */
export interface EnforcedRequest {
  /** The whole URL */
  readonly uri?: string
  readonly secure?: boolean
  /** The peer's address, never one of a header that a client can send */
  readonly remoteAddr?: string
  readonly body?: string | Uint8Array
}

export interface Connection {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

/** The connection, from the options or from Keycloak's file */
export function connectionOf({ issuer, clientId, clientSecret, keycloak }: UmaOptions): Connection {
  const base = keycloak?.['auth-server-url']?.replace(/\/+$/, '')
  const own = {
    issuer: issuer ?? (base === undefined || keycloak?.realm === undefined ? undefined : `${base}/realms/${encodeURIComponent(keycloak.realm)}`),
    clientId: clientId ?? keycloak?.resource,
    clientSecret: clientSecret ?? keycloak?.credentials?.secret,
  }
  for (const [name, value] of Object.entries(own)) {
    if (typeof value !== 'string' || value === '') throw new CountersignError('invalid_configuration', `\`${name}\` is missing`)
  }
  return own as Connection
}

/** The module's answer */
interface Decision {
  readonly demand: 'open' | 'authenticated' | 'unmapped' | 'protected' | 'unreadable'
  readonly lookup?: readonly Lookup[]
  /** Services that have more claims about the request, where they have not been asked yet */
  readonly sources?: readonly ClaimService[]
  readonly resource?: string
  readonly scopes?: readonly string[]
  readonly claims?: Readonly<Record<string, readonly string[]>>
  readonly verdict: string
  readonly code?: Denied['code']
  readonly message?: string
  readonly permission?: Permission
  readonly answer?: 'unauthorized' | 'challenge' | 'redirect' | 'forbidden'
  readonly location?: string
}

type Lookup = { readonly name: string } | { readonly uri: string } | { readonly matchingUri: string }

interface Found {
  readonly id: string
  readonly scopes: readonly string[]
}

/** What is to be done with a request */
export type Verdict =
  | { readonly kind: 'pass'; readonly access: Access }
  | { readonly kind: 'challenge'; readonly denied: Denied; readonly wanted: PermissionRequest }
  | { readonly kind: 'redirect'; readonly denied: Denied; readonly location: string }
  | { readonly kind: 'unauthorized' | 'forbidden' | 'unreachable'; readonly denied: Denied }

interface Presented extends Arrived {
  readonly token: string | undefined
  readonly dpop: DpopRequest | undefined
  readonly more: EnforcedRequest
}

/** What the module said, with the token that it was asked about */
interface Outcome {
  readonly decision: Decision
  readonly access: Access | undefined
  /** Why the token is no good, where it is not */
  readonly bad: Denied | undefined
}

/** What others have been asked about a request */
interface Learned {
  readonly resources: readonly Found[] | undefined
  /** Claims of services, each a JSON object as text */
  readonly answers: readonly string[]
}

const NOTHING: Learned = { resources: undefined, answers: [] }

type Ask = (learned: Learned) => Outcome | Promise<Outcome>

/**
 * Keycloak's policy enforcer (wire §11.3). The rules are the module's; this carries out what they ask for: resources are
 * looked up, services are asked for claims, and without `user-managed-access` permission is asked for in the name of whoever
 * sent the request.
 */
export class Enforcer {
  readonly #options: ProtectionOptions
  readonly #guard: TokenGuard
  readonly #protection: Protection
  readonly #metadata: MetadataSource
  readonly #rules: InstanceType<GateEngine['bindings']['EnforcerModule']>
  readonly #isUserManaged: boolean
  readonly #paths: PathCache<readonly Found[]>
  readonly #rpts = new TokenCache()

  constructor(options: ProtectionOptions, gate: GateEngine, guard: TokenGuard, protection: Protection, config: KeycloakConfig) {
    this.#options = options
    this.#guard = guard
    this.#protection = protection
    this.#metadata = new MetadataSource(options.issuer, options)
    try {
      this.#rules = new gate.bindings.EnforcerModule(new TextEncoder().encode(JSON.stringify(config)))
    } catch (reason) {
      throw thrown(reason)
    }
    const { userManagedAccess, pathLifespan, pathEntries, claimServices } = this.#rules.connection() as {
      userManagedAccess: boolean; pathLifespan: number; pathEntries: number; claimServices: readonly string[]
    }
    for (const url of claimServices) checkUrl(url, 'claim-information-point.http.url', options)
    this.#isUserManaged = userManagedAccess
    this.#paths = new PathCache(pathEntries, pathLifespan, options.clock ?? Date.now)
  }

  async decide(presented: Presented): Promise<Verdict> {
    const { token, dpop } = presented
    try {
      if (token !== undefined && dpop !== undefined) {
        // A proof is good once, so that everything about its token is asked in one go.
        const verdict = await this.#guard.with(
          { token, dpop },
          (seen) => this.#decided(presented, (learned) => this.#ask(presented, token, seen, learned)),
          true,
        )
        if (!('permitted' in verdict)) return verdict
        const bad = verdict
        return await this.#decided(presented, (learned) => ({ ...this.#ask(presented, undefined, undefined, learned), bad }))
      }
      return await this.#decided(presented, (learned) => this.#askWith(presented, token, learned))
    } catch (error) {
      if (error instanceof LookupError) return { kind: 'unreachable', denied: denied('not_permitted', error.message) }
      if (error instanceof ServiceError) return { kind: 'forbidden', denied: denied('not_permitted', error.message) }
      throw error
    }
  }

  /** Asks the module, looks up what it wants to know, and asks again. */
  async #decided(presented: Presented, ask: Ask): Promise<Verdict> {
    let learned = NOTHING
    let outcome = await ask(learned)
    const { lookup } = outcome.decision
    if (lookup !== undefined) {
      learned = { ...learned, resources: await this.#lookedUp(lookup, presented.method === 'DELETE') }
      outcome = await ask(learned)
    }
    const { sources } = outcome.decision
    if (sources !== undefined && this.#needsClaims(presented, outcome)) {
      learned = { ...learned, answers: await this.#services(sources) }
      outcome = await ask(learned)
    }
    const granted = this.#mayAsk(presented, outcome) ? await this.#granted(presented, learned, outcome.decision) : undefined
    return granted === undefined ? this.#verdict(outcome) : { kind: 'pass', access: granted }
  }

  /** With a token, if it is good; claims are made of the token that came with the request */
  async #askWith(presented: Presented, token: string | undefined, learned: Learned): Promise<Outcome> {
    if (token === undefined) return this.#ask(presented, undefined, undefined, learned)
    const outcome = await this.#guard.with({ token }, (seen) => this.#ask(presented, presented.token, seen, learned))
    if (!('permitted' in outcome)) return outcome
    // A token for somebody else is verified by the authorization server, which is asked in its name; no other says anything.
    const claimed = !this.#isUserManaged && outcome.code === 'wrong_audience' ? presented.token : undefined
    return { ...this.#ask(presented, claimed, undefined, learned), bad: outcome }
  }

  #ask(presented: Presented, token: string | undefined, seen: SeenToken | undefined, { resources, answers }: Learned): Outcome {
    const { body = '' } = presented.more
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    const handle = seen?.handle ?? -1
    const asked = askedOf(presented, token)
    const now = this.#guard.now()
    const decision = this.#rules.decide(this.#guard.module as never, handle, asked, bytes, resources, [...answers], now) as Decision
    const access = seen === undefined ? undefined : { permission: decision.permission, rpt: seen.claims }
    return { decision, access, bad: undefined }
  }

  async #lookedUp(lookup: readonly Lookup[], isDeleted: boolean): Promise<readonly Found[]> {
    const key = JSON.stringify(lookup)
    try {
      const resources = await this.#paths.get(key, () => this.#found(lookup))
      if (isDeleted) this.#paths.delete(key)
      return resources
    } catch (cause) {
      throw new LookupError('the resource of the path cannot be looked up', { cause })
    }
  }

  /** Whether claims can change the answer: strangers who are refused anyway make nobody be asked. */
  #needsClaims({ token }: Presented, { decision: { verdict, answer, resource }, bad }: Outcome): boolean {
    if (verdict === 'permitted' || answer === 'challenge') return true
    if (resource === undefined || token === undefined) return false
    return bad === undefined || this.#isUserManaged || bad.code === 'wrong_audience'
  }

  async #services(sources: readonly ClaimService[]): Promise<readonly string[]> {
    try {
      return await Promise.all(sources.map((source) => askService(source, this.#options)))
    } catch (cause) {
      throw new ServiceError('a service has no claims about the request', { cause })
    }
  }

  #verdict({ decision, bad, access }: Outcome): Verdict {
    const { verdict, code = 'not_permitted', message = '', resource, scopes = [], claims } = decision
    if (verdict === 'permitted') {
      return { kind: 'pass', access: access ?? { permission: undefined, rpt: undefined } }
    }
    const why = bad ?? denied(code, message)
    const wanted = resource === undefined ? undefined : { resource, scopes, ...(claims === undefined ? {} : { claims }) }
    // A token that is no good is answered as one that permits too little (UMA Grant §3.5).
    const isChallenged = decision.answer === 'challenge' || (bad !== undefined && this.#isUserManaged)
    if (isChallenged && wanted !== undefined) return { kind: 'challenge', denied: why, wanted }
    if (decision.answer === 'redirect') return { kind: 'redirect', denied: why, location: decision.location ?? '/' }
    return { kind: decision.answer === 'unauthorized' ? 'unauthorized' : 'forbidden', denied: why }
  }

  /** Whether the authorization server may grant what the token lacks (wire §11.3 step 7) */
  #mayAsk({ token, dpop }: Presented, { decision: { resource, verdict }, bad }: Outcome): boolean {
    // A token for somebody else may still say who asks; the authorization server will see.
    const isLacking = bad === undefined ? verdict === 'not_permitted' || verdict === 'claims' : bad.code === 'wrong_audience'
    return !this.#isUserManaged && token !== undefined && dpop === undefined && resource !== undefined && isLacking
  }

  /** Asks for the permission in the name of whom the token is for, and decides by what comes of it. */
  async #granted(
    presented: Presented,
    learned: Learned,
    { resource = '', scopes = [], claims }: Decision,
  ): Promise<Access | undefined> {
    const token = presented.token as string
    const key = JSON.stringify([resource, claims ?? {}, token])
    const passed = async (rpt: string): Promise<Access | undefined> => {
      const { decision, access } = await this.#askWith(presented, rpt, learned)
      return decision.verdict === 'permitted' ? access : undefined
    }
    const kept = this.#rpts.get(key)
    const known = kept === undefined ? undefined : await passed(kept)
    if (known !== undefined) return known
    const wanted = { resource, scopes, ...(claims === undefined ? {} : { claims }) }
    const rpt = await entitled(this.#options, this.#metadata, token, [wanted]).catch(() => undefined)
    const access = rpt === undefined ? undefined : await passed(rpt)
    if (rpt !== undefined && access !== undefined) this.#rpts.set(key, rpt)
    return access
  }

  /** The resources of the first question that has an answer */
  async #found(questions: readonly Lookup[]): Promise<readonly Found[]> {
    for (const question of questions) {
      const query =
        'name' in question
          ? { name: question.name, exactName: true, owner: this.#options.clientId }
          : 'uri' in question
            ? { uri: question.uri }
            : { uri: question.matchingUri, matchingUri: true }
      const fitting: Found[] = []
      for await (const { id, name, scopes } of this.#protection.list(query)) {
        if (!('name' in question) || name === question.name) fitting.push({ id, scopes })
      }
      if (fitting.length > 0) return fitting
    }
    return []
  }
}

class LookupError extends Error {}
class ServiceError extends Error {}

function askedOf({ method, target, headers, more }: Presented, token: string | undefined): object {
  const query = target.includes('?') ? target.slice(target.indexOf('?') + 1) : ''
  const cookie = headers.find(([name]) => name.toLowerCase() === 'cookie')?.[1] ?? ''
  const cookies = cookie.split(';').flatMap((pair) => {
    const [name = '', ...value] = pair.split('=')
    return name.trim() === '' ? [] : [[name.trim(), value.join('=').trim()]]
  })
  return {
    method,
    target,
    uri: more.uri ?? target,
    relativePath: target.split('?')[0],
    secure: more.secure ?? false,
    remoteAddr: more.remoteAddr ?? '',
    parameters: [...new URLSearchParams(query)],
    headers,
    cookies,
    ...(token === undefined ? {} : { accessToken: token }),
  }
}
