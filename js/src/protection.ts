import { CountersignError, ServerError } from './errors.js'
import { checkUrl, object } from './http.js'
import { Introspection } from './introspection.js'
import { Calls, list, pages, segment, text, unexpected, type ProtectionOptions } from './protection/calls.js'
import { entitled } from './protection/entitlement.js'
import { Policies } from './protection/policies.js'
import { found, resourceOf } from './protection/resources.js'
import { Tickets } from './protection/tickets.js'
import type {
  Introspected, Page, PermissionRequest, Resource, ResourceDescription, ResourceQuery,
} from './protection/types.js'

export { CountersignError, ServerError, type ErrorCode } from './errors.js'
export { allowInsecureRequests, type HttpOptions } from './http.js'
export type { ProtectionOptions } from './protection/calls.js'
export type { Policies } from './protection/policies.js'
export type { Tickets } from './protection/tickets.js'
export type {
  Introspected, NewTicket, Page, PermissionRequest, Policy, PolicyDescription, PolicyQuery, Resource, ResourceDescription,
  ResourceQuery, StoredTicket, TicketQuery,
} from './protection/types.js'

/** A resource server's side of the protection API (FedAuthz) */
export interface Protection {
  /** Registers a resource and answers with its id. */
  register(description: ResourceDescription): Promise<string>
  /** A resource; `undefined` if there is none of this id. */
  get(id: string): Promise<Resource | undefined>
  /** The ids of the resources that fit, one page of them. */
  find(query: ResourceQuery & Page): Promise<string[]>
  /** All resources that fit, with all that is known of them, fetched page by page. */
  list(query?: ResourceQuery, pageSize?: number): AsyncGenerator<Resource, void, undefined>
  /** The id of the resource of exactly this name and owner: as it is if it is there, else registered now. */
  ensure(description: ResourceDescription): Promise<string>
  /** Replaces a description; what it does not name is removed. */
  update(id: string, description: ResourceDescription): Promise<void>
  /** Removes a resource, its shares and what only it had. */
  remove(id: string): Promise<void>
  /** A permission ticket for what a client has tried without permission. */
  requestTicket(permissions: readonly PermissionRequest[]): Promise<string>
  /**
   * A token with just these permissions, in the name of somebody by whose access token; `undefined` where they are not granted.
   * For apps that decide for their own people instead of sending them for a ticket.
   */
  requestToken(accessToken: string, permissions: readonly PermissionRequest[]): Promise<string | undefined>
  /** Requests and grants that are stored */
  readonly tickets: Tickets
  /** The policies of an owner, by the owner's access token; without one, those of the resource server's own resources */
  policies(ownerToken?: string): Policies
  /** What the authorization server says of a token now. */
  introspect(token: string): Promise<Introspected>
}

/**
 * Makes a client of the protection API. It gets its token (PAT) when it needs one and renews it by itself. A call that got
 * no answer is made once more if that cannot do anything twice.
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

const RESOURCES = { endpoint: 'resource_registration_endpoint' }

class HttpProtection implements Protection {
  readonly tickets: Tickets
  readonly #calls: Calls
  readonly #introspection: Introspection

  constructor(options: ProtectionOptions) {
    this.#calls = new Calls(options)
    this.tickets = new Tickets(this.#calls)
    this.#introspection = new Introspection(options, this.#calls.metadata)
  }

  async register(description: ResourceDescription): Promise<string> {
    const what = 'register a resource'
    const answer = await this.#calls.make({ ...RESOURCES, what, method: 'POST', body: description, isRepeatable: false })
    return text(object(answer)?.['_id'], what)
  }

  async get(id: string): Promise<Resource | undefined> {
    const what = 'read a resource'
    try {
      const answer = await this.#calls.make({ ...RESOURCES, what, method: 'GET', below: segment(id), isRepeatable: true })
      return resourceOf(object(answer), what)
    } catch (error) {
      if (error instanceof ServerError && error.status === 404) return undefined
      throw error
    }
  }

  async find(query: ResourceQuery & Page): Promise<string[]> {
    const what = 'find resources'
    const answer = await this.#calls.make({ ...RESOURCES, what, method: 'GET', query, isRepeatable: true })
    return list(answer, what).map((id) => text(id, what))
  }

  list(query: ResourceQuery = {}, pageSize = 100): AsyncGenerator<Resource, void, undefined> {
    return pages(pageSize, (first, max) => found(this.#calls, { ...query, first, max }))
  }

  async ensure(description: ResourceDescription): Promise<string> {
    const { name, owner = this.#calls.options.clientId } = description
    // The server's exact names are exact but for their case.
    const look = async (): Promise<string | undefined> =>
      (await found(this.#calls, { name, owner, exactName: true })).find((resource) => resource.name === name)?.id
    const known = await look()
    if (known !== undefined) return known
    try {
      return await this.register(description)
    } catch (error) {
      // Somebody else was faster, perhaps another process of this server; or it is there and the answer was lost.
      const mayBeThere =
        error instanceof ServerError ? error.status === 409 || error.status >= 500 : error instanceof CountersignError
      const late = mayBeThere ? await look().catch(() => undefined) : undefined
      if (late === undefined) throw error
      return late
    }
  }

  async update(id: string, description: ResourceDescription): Promise<void> {
    const call = { ...RESOURCES, what: 'update a resource', method: 'PUT', below: segment(id), body: description, isRepeatable: true } as const
    await this.#calls.make(call)
  }

  async remove(id: string): Promise<void> {
    await this.#calls.make({ ...RESOURCES, what: 'remove a resource', method: 'DELETE', below: segment(id), isRepeatable: true })
  }

  async requestTicket(permissions: readonly PermissionRequest[]): Promise<string> {
    const what = 'ask for a ticket'
    const body = permissions.map(({ resource, scopes = [], claims }) => ({
      resource_id: resource,
      resource_scopes: scopes,
      ...(claims === undefined ? {} : { claims }),
    }))
    // Nothing is stored for a ticket, so that two of them are as good as one.
    const call = { endpoint: 'permission_endpoint', what, method: 'POST', body, isRepeatable: true } as const
    return text(object(await this.#calls.make(call))?.['ticket'], what)
  }

  requestToken(accessToken: string, permissions: readonly PermissionRequest[]): Promise<string | undefined> {
    return entitled(this.#calls.options, this.#calls.metadata, accessToken, permissions)
  }

  policies(ownerToken?: string): Policies {
    return new Policies(this.#calls, ownerToken)
  }

  async introspect(token: string): Promise<Introspected> {
    const what = 'introspect a token'
    const said = await this.#introspection.ask(token)
    if (said === undefined) throw new CountersignError('server_unreachable', `${what}: there is no answer`)
    const answer = object({ status: 200, body: said, headers: new Headers() })
    if (typeof answer?.['active'] !== 'boolean') throw unexpected(what)
    return answer as unknown as Introspected
  }
}
