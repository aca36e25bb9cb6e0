import { json } from '../http.js'
import { members, text, type Calls } from './calls.js'
import type { Page, Resource, ResourceQuery } from './types.js'

const ENDPOINT = 'resource_registration_endpoint'

/** Resources with all that is known of them */
export async function found(calls: Calls, query: ResourceQuery & Page): Promise<Resource[]> {
  const what = 'find resources'
  const answer = await calls.make({ what, method: 'GET', endpoint: ENDPOINT, query: { ...query, deep: true }, isRepeatable: true })
  const resources = json(answer)
  if (!Array.isArray(resources)) throw members(undefined, what)
  return resources.map((resource) => resourceOf(resource, what))
}

/** A resource in any of the shapes that the server has for it (wire §2.2) */
export function resourceOf(value: unknown, what: string): Resource {
  const { _id, name, owner, ownerManagedAccess, resource_scopes, scopes, uris, type, displayName, icon_uri, attributes } = members(value, what)
  const named = [resource_scopes, scopes].find((list) => Array.isArray(list) && list.length > 0) ?? []
  return {
    id: text(_id, what),
    name: text(name, what),
    owner: ownerOf(owner),
    ownerManagedAccess: ownerManagedAccess === true,
    scopes: (named as unknown[]).map((scope) => text(typeof scope === 'string' ? scope : members(scope, what)['name'], what)),
    uris: Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [],
    ...(typeof type === 'string' ? { type } : {}),
    ...(typeof displayName === 'string' ? { displayName } : {}),
    ...(typeof icon_uri === 'string' ? { icon_uri } : {}),
    ...(typeof attributes === 'object' && attributes !== null ? { attributes: attributes as Record<string, string[]> } : {}),
  }
}

function ownerOf(owner: unknown): Resource['owner'] {
  if (typeof owner === 'string') return { id: owner }
  if (typeof owner !== 'object' || owner === null || !('id' in owner) || typeof owner.id !== 'string') return undefined
  return 'name' in owner && typeof owner.name === 'string' ? { id: owner.id, name: owner.name } : { id: owner.id }
}
