import { CountersignError, ServerError } from './errors.js'
import { checkUrl, json, object, refused, request, type Answer, type HttpOptions } from './http.js'
import { discover, type Metadata } from './metadata.js'
import { PatSource } from './pat.js'

export { CountersignError, ServerError, type ErrorCode } from './errors.js'
export { allowInsecureRequests, type HttpOptions } from './http.js'

const LIMIT = 4 * 1024 * 1024

/** What a client of the protection API needs to know */
export interface ProtectionOptions extends HttpOptions {
  readonly issuer: string
  /** The resource server's client id */
  readonly clientId: string
  readonly clientSecret: string
  /** The time in milliseconds; `Date.now` by default */
  readonly clock?: () => number
}

/** A resource to be registered, with the wire's names (FedAuthz §3.1 and Keycloak's) */
export interface ResourceDescription {
  readonly name: string
  /** A user's name or id; without it the resource server owns the resource */
  readonly owner?: string
  /** Lets the owner share it */
  readonly ownerManagedAccess?: boolean
  readonly resource_scopes?: readonly string[]
  readonly type?: string
  readonly displayName?: string
  readonly uris?: readonly string[]
  readonly icon_uri?: string
  readonly attributes?: Readonly<Record<string, readonly string[]>>
}

/** What to look for; every member narrows */
export interface ResourceQuery {
  readonly name?: string
  /** `name` is all of the name, in any case, and not a part of it */
  readonly exactName?: boolean
  /** A user's name or id, or a client id */
  readonly owner?: string
  readonly type?: string
  readonly uri?: string
  readonly scope?: string
  readonly first?: number
  /** 100 if it is left out */
  readonly max?: number
}

/** A permission to be asked for (FedAuthz §4.1) */
export interface PermissionRequest {
  readonly resource: string
  readonly scopes?: readonly string[]
  /** Pushed claims, for the policies to look at */
  readonly claims?: Readonly<Record<string, readonly string[]>>
}

/** A resource server's side of the protection API (FedAuthz) */
export interface Protection {
  /** Registers a resource and answers with its id. */
  register(description: ResourceDescription): Promise<string>
  /** The ids of the resources that fit. */
  find(query: ResourceQuery): Promise<string[]>
  /** The id of the resource of exactly this name and owner: as it is if it is there, else registered now. */
  ensure(description: ResourceDescription): Promise<string>
  /** Replaces a description; what it does not name is removed. */
  update(id: string, description: ResourceDescription): Promise<void>
  /** Removes a resource, its shares and what only it had. */
  remove(id: string): Promise<void>
  /** A permission ticket for what a client has tried without permission. */
  requestTicket(permissions: readonly PermissionRequest[]): Promise<string>
}

/**
 * Makes a client of the protection API. It gets its token (PAT) when it needs one and renews it by itself.
 *
 * @example
 * const protection = createProtection({ issuer, clientId: 'documents', clientSecret })
 * const id = await protection.register({ name: 'document 42', owner: 'alice', resource_scopes: ['read'] })
 * const ticket = await protection.requestTicket([{ resource: id, scopes: ['read'] }])
 */
export function createProtection(options: ProtectionOptions): Protection {
  checkUrl(options.issuer, 'issuer', options)
  return new HttpProtection(options)
}

class HttpProtection implements Protection {
  readonly #options: ProtectionOptions
  readonly #pats: PatSource
  #metadata: Promise<Metadata> | undefined

  constructor(options: ProtectionOptions) {
    this.#options = options
    this.#pats = new PatSource(options, () => this.#endpoint('token_endpoint'))
  }

  async register(description: ResourceDescription): Promise<string> {
    const answer = await this.#call('register a resource', await this.#resources(), 'POST', description)
    return text(object(answer)?.['_id'], 'register a resource')
  }

  async find(query: ResourceQuery): Promise<string[]> {
    const url = new URL(await this.#resources())
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const ids = json(await this.#call('find resources', url.href, 'GET'))
    if (!Array.isArray(ids)) throw unexpected('find resources')
    return ids.map((id) => text(id, 'find resources'))
  }

  async ensure(description: ResourceDescription): Promise<string> {
    const { name, owner = this.#options.clientId } = description
    const look = async (): Promise<string | undefined> => (await this.find({ name, owner, exactName: true }))[0]
    const known = await look()
    if (known !== undefined) return known
    try {
      return await this.register(description)
    } catch (error) {
      // Somebody else was faster, perhaps another process of this server.
      const late = error instanceof ServerError && error.status === 409 ? await look() : undefined
      if (late === undefined) throw error
      return late
    }
  }

  async update(id: string, description: ResourceDescription): Promise<void> {
    await this.#call('update a resource', `${await this.#resources()}/${encodeURIComponent(id)}`, 'PUT', description)
  }

  async remove(id: string): Promise<void> {
    await this.#call('remove a resource', `${await this.#resources()}/${encodeURIComponent(id)}`, 'DELETE')
  }

  async requestTicket(permissions: readonly PermissionRequest[]): Promise<string> {
    const body = permissions.map(({ resource, scopes = [], claims }) => ({
      resource_id: resource,
      resource_scopes: scopes,
      ...(claims === undefined ? {} : { claims }),
    }))
    const answer = await this.#call('ask for a ticket', await this.#endpoint('permission_endpoint'), 'POST', body)
    return text(object(answer)?.['ticket'], 'ask for a ticket')
  }

  /** One call with the PAT; with a new one where the server does not take the old one any more (FedAuthz §1.3). */
  async #call(what: string, url: string, method: string, body?: unknown): Promise<Answer> {
    const pat = await this.#pats.get()
    let answer = await this.#send(url, method, body, pat)
    if (answer.status === 401 || object(answer)?.['error'] === 'invalid_bearer_token') {
      this.#pats.drop(pat)
      answer = await this.#send(url, method, body, await this.#pats.get())
    }
    if (answer.status < 200 || answer.status > 299) throw refused(what, answer)
    return answer
  }

  async #send(url: string, method: string, body: unknown, pat: string): Promise<Answer> {
    const headers = { accept: 'application/json', authorization: `Bearer ${pat}` }
    const init: RequestInit =
      body === undefined
        ? { method, headers }
        : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return request(url, init, LIMIT, this.#options)
  }

  #resources(): Promise<string> {
    return this.#endpoint('resource_registration_endpoint')
  }

  async #endpoint(name: string): Promise<string> {
    this.#metadata ??= discover(this.#options.issuer, this.#options).catch((error: unknown) => {
      this.#metadata = undefined
      throw error
    })
    return (await this.#metadata).endpoint(name)
  }
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw unexpected(what)
  return value
}

function unexpected(what: string): CountersignError {
  return new CountersignError('unexpected_answer', `${what}: the authorization server's answer lacks what it must hold`)
}
