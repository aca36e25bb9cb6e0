// A resource server as the UMA grant has it (Federated Authorization §4): who lacks a permission is given a ticket.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'

const AUTHORIZATION = `Basic ${Buffer.from('documents:documents-secret').toString('base64')}`
const JSON_TYPE = { 'content-type': 'application/json' }

/** Starts it for the realm of this server and the apps of this site; `at` is where it is */
export const startResources = async (base, site) => {
  const issuer = `${base}/realms/test`
  const form = async (path, body) => {
    const headers = { authorization: AUTHORIZATION }
    const answer = await fetch(`${issuer}/protocol/openid-connect/${path}`, {
      method: 'POST', headers, body: new URLSearchParams(body),
    })
    assert.equal(answer.status, 200)
    return answer.json()
  }
  const pat = async () => (await form('token', { grant_type: 'client_credentials' })).access_token
  /** The protection API as whoever has this token, the resource server if nobody is named */
  const protection = async (method, path, body, token) => {
    const headers = { authorization: `Bearer ${token ?? await pat()}`, ...JSON_TYPE }
    const answer = await fetch(`${issuer}/authz/protection/${path}`, { method, headers, body: JSON.stringify(body) })
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
    return answer.status === 204 ? undefined : answer.json()
  }
  /** A token of somebody who uses this resource server's own pages */
  const signIn = async (username) => (await form('token', {
    grant_type: 'password', username, password: `${username}-password`,
  })).access_token

  /** Whether this token is an RPT with the permission to read the resource */
  const mayRead = async (token, id) => {
    const found = await form('token/introspect', { token, token_type_hint: 'requesting_party_token' })
    const permissions = found.active ? found.permissions ?? [] : []
    return permissions.some(({ rsid, scopes }) => rsid === id && scopes?.includes('read'))
  }

  const answer = async (request, response) => {
    const id = new URL(request.url, site).pathname.slice(1)
    response.setHeader('access-control-allow-origin', site)
    response.setHeader('access-control-allow-headers', 'authorization')
    response.setHeader('access-control-expose-headers', 'www-authenticate')
    if (request.method === 'OPTIONS') return response.writeHead(204).end()
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? []
    if (token && await mayRead(token, id)) return response.end(`contents of ${id}`)
    const { ticket } = await protection('POST', 'permission', [{ resource_id: id, resource_scopes: ['read'] }])
    const challenge = `UMA realm="test",as_uri="${issuer}",ticket="${ticket}"`
    return response.writeHead(401, { 'www-authenticate': challenge }).end()
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)))
  })
  await new Promise((resolve) => server.listen(0, 'localhost', resolve))
  const stop = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { at: `http://localhost:${server.address().port}`, protection, signIn, stop }
}
