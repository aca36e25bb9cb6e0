import { object } from '../http.js'
import { list, members, pages, segment, text, type Calls } from './calls.js'
import type { Page, Policy, PolicyDescription, PolicyQuery } from './types.js'

/** The policies of one owner (wire §5), with the owner's own token: nobody else may see or change them. */
export class Policies {
  readonly #calls: Calls
  readonly #call: { readonly endpoint: string; readonly token?: string }

  constructor(calls: Calls, token: string | undefined) {
    this.#calls = calls
    this.#call = { endpoint: 'policy_endpoint', ...(token === undefined ? {} : { token }) }
  }

  /** Makes a policy for a resource. */
  async create(resource: string, policy: PolicyDescription): Promise<Policy> {
    const what = 'make a policy'
    const below = segment(resource)
    return policyOf(object(await this.#calls.make({ ...this.#call, what, method: 'POST', below, body: policy, isRepeatable: false })), what)
  }

  async get(id: string): Promise<Policy> {
    const what = 'read a policy'
    return policyOf(object(await this.#calls.make({ ...this.#call, what, method: 'GET', below: segment(id), isRepeatable: true })), what)
  }

  /** All that fit, fetched page by page. */
  list(query: PolicyQuery = {}, pageSize = 100): AsyncGenerator<Policy, void, undefined> {
    return pages(pageSize, (first, max) => this.page({ ...query, first, max }))
  }

  /** One page of them. */
  async page(query: PolicyQuery & Page = {}): Promise<Policy[]> {
    const what = 'list policies'
    const answer = await this.#calls.make({ ...this.#call, what, method: 'GET', query, isRepeatable: true })
    return list(answer, what).map((policy) => policyOf(policy, what))
  }

  /** Replaces a policy; people, groups, roles and clients that it does not name are removed. */
  async update(id: string, policy: PolicyDescription): Promise<void> {
    const call = { ...this.#call, what: 'change a policy', method: 'PUT', below: segment(id), body: policy, isRepeatable: true } as const
    await this.#calls.make(call)
  }

  async remove(id: string): Promise<void> {
    await this.#calls.make({ ...this.#call, what: 'remove a policy', method: 'DELETE', below: segment(id), isRepeatable: true })
  }
}

function policyOf(value: unknown, what: string): Policy {
  const policy = members(value, what)
  text(policy['id'], what)
  text(policy['name'], what)
  return policy as unknown as Policy
}
