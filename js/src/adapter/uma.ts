import { loadGate, loadGuard } from '#platform'

import { challenge, UNREACHABLE_WARNING } from '../challenge.js'
import { CountersignError } from '../errors.js'
import { createTokenGuard, type TokenGuard } from '../guard.js'
import { needsGate, type GuardOptions } from '../guard-options.js'
import { createProtection, type PermissionRequest, type Protection } from '../protection.js'
import type { Denied, DpopRequest, Permission, RptClaims } from '../types.js'
import { connectionOf, Enforcer, type EnforcedRequest, type KeycloakConfig } from './enforcer.js'

/** What every adapter needs: the connection, or Keycloak's configuration file that has it */
export interface UmaOptions extends Omit<GuardOptions, 'issuer' | 'audience' | 'introspection'> {
  /** The issuer, exactly as its tokens name it */
  readonly issuer?: string
  /** This resource server's client id, which its tokens are for */
  readonly clientId?: string
  readonly clientSecret?: string
  /** In the place of these three: the content of a `keycloak.json` */
  readonly keycloak?: KeycloakConfig
  /** The `realm` of challenges; the client id by default */
  readonly realm?: string
  /** Lets routes be `fresh`: asks introspection with the same credentials */
  readonly introspection?: boolean
  /** Where clients see this server, such as `https://files.example`; needed with `dpop` */
  readonly publicUrl?: string
  /** Is told why a request was refused, for the log. The client is not told. */
  readonly onRefused?: (denied: Denied) => void
}

/** What a route is protected by */
export interface Rule<Request> {
  /** The id of the resource that a request is for; `undefined` denies */
  readonly resource: (request: Request) => string | undefined | Promise<string | undefined>
  /** All of these are needed */
  readonly scopes?: readonly string[]
  /** Asks introspection each time. Needs the option `introspection`. */
  readonly fresh?: boolean
}

/** Says more of a request than its adapter can, such as its body, for claims that the configuration makes of it */
export type Describe<Request> = (request: Request) => EnforcedRequest | Promise<EnforcedRequest>

/** What a request was let through with */
export interface Access {
  /** What the token permits on the resource; none where the enforcer's rules ask for none */
  readonly permission: Permission | undefined
  /** The claims of the token; none where the path is open */
  readonly rpt: RptClaims | undefined
}

/** The parts of a request that decide, whatever the framework */
export interface Arrived {
  readonly method: string
  /** Path and query as they were sent */
  readonly target: string
  /** All of them, in order, with repetitions where the framework has them */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** An answer in the place of the application's */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Whether a request passes */
export type Passage = { readonly access: Access } | { readonly refusal: Refusal }

/** What all adapters share: decides about requests, without knowing any framework. */
export class Uma {
  readonly guard: TokenGuard
  readonly protection: Protection
  readonly issuer: string
  readonly #enforcer: Enforcer | undefined
  readonly #realm: string
  readonly #publicUrl: string | undefined
  readonly #onRefused: (denied: Denied) => void

  private constructor(guard: TokenGuard, protection: Protection, enforcer: Enforcer | undefined, options: UmaOptions) {
    this.guard = guard
    this.protection = protection
    this.issuer = guard.issuer
    this.#enforcer = enforcer
    this.#realm = options.realm ?? guard.audience
    this.#publicUrl = options.publicUrl
    this.#onRefused = options.onRefused ?? (() => {})
  }

  static async create(options: UmaOptions): Promise<Uma> {
    const gate = needsGateFor(options) ? await loadGate() : undefined
    const connection = connectionOf(options)
    if (options.dpop !== undefined && (options.publicUrl === undefined || !URL.canParse(options.publicUrl))) {
      throw new CountersignError('invalid_configuration', '`publicUrl` is needed with `dpop`')
    }
    const { introspection, ...rest } = options
    const asks = introspection === true ? { introspection: connection } : {}
    const protection = createProtection({ ...rest, ...connection })
    const guardOptions = { ...rest, issuer: connection.issuer, audience: connection.clientId, ...asks }
    const guard = await createTokenGuard(guardOptions, gate ?? (await loadGuard()))
    const config = options.keycloak?.['policy-enforcer']
    const enforcer =
      gate === undefined || config === undefined
        ? undefined
        : new Enforcer({ ...rest, ...connection }, gate, guard, protection, options.keycloak as KeycloakConfig)
    return new Uma(guard, protection, enforcer, options)
  }

  /** Throws where a configuration has no rules to enforce: at registration, not at the first request. */
  get enforcer(): Enforcer {
    if (this.#enforcer !== undefined) return this.#enforcer
    throw new CountersignError('invalid_configuration', '`enforce` needs the option `keycloak` with a `policy-enforcer`')
  }

  /** Decides by a rule of the application. */
  async judge<Request>(rule: Rule<Request>, request: Request, arrived: Arrived): Promise<Passage> {
    const { scopes = [], fresh = false } = rule
    const resource = await rule.resource(request)
    if (typeof resource !== 'string' || resource === '') {
      this.#onRefused({ permitted: false, code: 'not_permitted', message: 'the route names no resource for this request' })
      return { refusal: forbidden('access_denied') }
    }
    const { token, dpop } = this.#credentials(arrived)
    const answer = await this.guard.check({ token, dpop, resource, scopes, fresh })
    if (answer.permitted) return { access: { permission: answer.permission, rpt: answer.rpt } }
    this.#onRefused(answer)
    return { refusal: await this.#challenge({ resource, scopes }) }
  }

  /** Decides by the rules of Keycloak's configuration file; what `describe` says goes before what is known. */
  async enforce<Request>(request: Request, arrived: Arrived, known: EnforcedRequest, describe?: Describe<Request>): Promise<Passage> {
    const { token, dpop } = this.#credentials(arrived)
    const more = { ...known, ...(await describe?.(request)) }
    const verdict = await this.enforcer.decide({ token, dpop, more, ...arrived })
    switch (verdict.kind) {
      case 'pass':
        return { access: verdict.access }
      case 'challenge':
        this.#onRefused(verdict.denied)
        return { refusal: await this.#challenge(verdict.wanted) }
      case 'unauthorized':
        this.#onRefused(verdict.denied)
        return { refusal: refusal(401, 'invalid_token', { 'www-authenticate': `Bearer realm="${quoted(this.#realm)}"` }) }
      case 'redirect':
        this.#onRefused(verdict.denied)
        return { refusal: refusal(302, 'access_denied', { location: verdict.location }) }
      case 'unreachable':
        this.#onRefused(verdict.denied)
        return { refusal: unreachable() }
      case 'forbidden':
        this.#onRefused(verdict.denied)
        return { refusal: forbidden('access_denied') }
    }
  }

  /** The token of exactly one `Authorization` header, and its proof if the scheme is DPoP */
  #credentials({ headers, method, target }: Arrived): { token: string | undefined; dpop: DpopRequest | undefined } {
    const values = (name: string): string[] => headers.flatMap(([known, value]) => (known.toLowerCase() === name ? [value] : []))
    const [value, ...others] = values('authorization')
    const [, scheme = '', token] = others.length > 0 ? [] : (/^(Bearer|DPoP) ([^ ,]+)$/i.exec(value ?? '') ?? [])
    if (scheme.toLowerCase() !== 'dpop') return { token, dpop: undefined }
    // Who cannot check a proof takes no token that comes with one (TRAP-JWT-45).
    if (this.#publicUrl === undefined) return { token: undefined, dpop: undefined }
    // Where several headers have been joined by commas, two proofs are two.
    const proofs = values('dpop').flatMap((proof) => proof.split(','))
    return { token, dpop: { proofs, method, url: new URL(target, this.#publicUrl).href } }
  }

  /** 401 with a ticket for just this (UMA Grant §3.2.1), or 403 where none can be had (§3.2.2) */
  async #challenge(wanted: PermissionRequest): Promise<Refusal> {
    try {
      const ticket = await this.protection.requestTicket([wanted])
      const value = challenge({ realm: this.#realm, as_uri: this.issuer, ticket })
      return refusal(401, 'permission_required', { 'www-authenticate': value, 'access-control-expose-headers': 'WWW-Authenticate' })
    } catch {
      return unreachable()
    }
  }
}

function needsGateFor({ introspection, ...options }: UmaOptions): boolean {
  return options.keycloak?.['policy-enforcer'] !== undefined || introspection === true || needsGate(options)
}

function unreachable(): Refusal {
  return refusal(403, 'authorization_server_unreachable', { warning: UNREACHABLE_WARNING })
}

function forbidden(error: string): Refusal {
  return refusal(403, error, {})
}

function refusal(status: number, error: string, headers: Record<string, string>): Refusal {
  return {
    status,
    headers: { 'cache-control': 'no-store', 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ error }),
  }
}

function quoted(text: string): string {
  return text.replaceAll(/[^ !#-[\]-~]/g, '')
}
