import { toBase64Url } from '../bytes.js'
import { object, refused, request } from '../http.js'
import type { MetadataSource } from '../metadata.js'
import type { ProtectionOptions } from './calls.js'
import type { PermissionRequest } from './types.js'

const LIMIT = 1024 * 1024
const GRANT = 'urn:ietf:params:oauth:grant-type:uma-ticket'

/**
 * A token with just these permissions, in the name of whom `subject` is for (wire §6.2); nothing where they are not granted.
 * All claims go along with all permissions.
 */
export async function entitled(
  options: ProtectionOptions,
  metadata: MetadataSource,
  subject: string,
  permissions: readonly PermissionRequest[],
): Promise<string | undefined> {
  const { clientId, clientSecret } = options
  const form = new URLSearchParams({ grant_type: GRANT, audience: clientId, subject_token: subject })
  for (const { resource, scopes = [] } of permissions) {
    form.append('permission', scopes.length === 0 ? resource : `${resource}#${scopes.join(',')}`)
  }
  form.set('client_id', clientId)
  form.set('client_secret', clientSecret)
  const claims = Object.assign({}, ...permissions.map(({ claims }) => claims ?? {})) as Record<string, unknown>
  if (Object.keys(claims).length > 0) {
    form.set('claim_token', toBase64Url(new TextEncoder().encode(JSON.stringify(claims))))
    form.set('claim_token_format', 'urn:ietf:params:oauth:token-type:jwt')
  }
  const url = await metadata.endpoint('token_endpoint')
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await request(url, { method: 'POST', headers, body: form.toString() }, LIMIT, options)
  const { access_token: token, error } = object(answer) ?? {}
  if (answer.status === 200 && typeof token === 'string') return token
  if (answer.status === 403 && error === 'access_denied') return undefined
  throw refused('ask for a permission', answer)
}
