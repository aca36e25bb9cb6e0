// Keycloak's own tests of its policy enforcer, by their ids, through an adapter and against the real server.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { after, before, describe, it } from 'node:test'

import { createUma } from 'countersign/node'
import { createProtection } from 'countersign/protection'

import { noServer, realm, Server } from './server.mjs'

const POLICY = { logic: 'POSITIVE', decisionStrategy: 'UNANIMOUS' }
const resource = (name, uris, scopes = []) => ({ name, uris, scopes: scopes.map((scope) => ({ name: scope })), attributes: {} })
const SETTINGS = {
  scopes: [{ name: 'read' }, { name: 'write' }, { name: 'withdrawal' }],
  resources: [
    resource('Root', ['/*']), resource('Resource A', ['/api/resourcea']), resource('Resource B', ['/api/resourceb']),
    resource('Bank Account', ['/api/bank/account/1/withdrawal'], ['withdrawal']),
  ],
  policies: [
    { name: 'Bob', type: 'user', ...POLICY, config: { users: '["bob"]' } },
    { name: 'At most 100', type: 'regex', ...POLICY, config: { targetClaim: 'withdrawal.amount', pattern: '^([1-9]\\d?|100)$', targetContextAttributes: 'true' } },
    { name: 'A for Bob', type: 'resource', ...POLICY, config: { resources: '["Resource A"]', applyPolicies: '["Bob"]' } },
    { name: 'Withdrawals', type: 'scope', ...POLICY, config: { resources: '["Bank Account"]', scopes: '["withdrawal"]', applyPolicies: '["Bob","At most 100"]' } },
  ],
}
const A = { name: 'Resource A', path: '/api/resourcea' }
const B = { name: 'Resource B', path: '/api/resourceb' }

describe('the policy enforcer', { skip: noServer }, () => {
  let server, protection, bob
  const stops = []
  before(async () => {
    server = await Server.start(realm({}, SETTINGS))
    protection = createProtection(server.credentials)
    bob = await server.token('bob')
  })
  after(async () => {
    for (const stop of stops) stop()
    await server?.stop()
  })

  /** An application behind the enforcer; what asks it sends the target as it is. */
  async function start(enforcer, { describe: more, ...options } = {}) {
    const keycloak = {
      realm: 'demo', 'auth-server-url': server.url, resource: 'documents', 'bearer-only': true, credentials: { secret: 'documents-secret' },
      'policy-enforcer': enforcer,
    }
    const uma = await createUma({ keycloak, ...options })
    const app = createServer(uma.enforce((request, response) => response.end(JSON.stringify(request.uma)), more))
    await once(app.listen(0, '127.0.0.1'), 'listening')
    stops.push(() => (uma.guard.close(), app.closeAllConnections(), app.close()))
    return async (path, token, { method = 'GET' } = {}) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const [response] = await once(request({ host: '127.0.0.1', port: app.address().port, path, method, headers }).end(), 'response')
      let body = ''
      for await (const chunk of response) body += chunk
      return { status: response.statusCode, headers: response.headers, body: JSON.parse(body || 'null') }
    }
  }
  const found = async (name) => (await protection.find({ name, exactName: true }))[0]
  const statusOf = async (call, ...given) => (await call(...given)).status

  it('ENF-1: a token is needed, and every spelling of a path is decided alike', async () => {
    const call = await start({ paths: [A, B] })
    const spellings = ['/api/resourcea', '/api/resourcea;x=1', '/api/resourcea/', '//api//resourcea', '/api/./resourcea', '/x/../api/resourcea', '/api/%72esourcea']
    for (const path of spellings) {
      assert.deepEqual([await statusOf(call, path), await statusOf(call, path, bob)], [403, 200], path)
    }
    for (const path of spellings.map((path) => path.replace('resourcea', 'resourceb').replace('%72esourcea', '%72esourceb'))) {
      assert.deepEqual([await statusOf(call, path), await statusOf(call, path, bob)], [403, 403], path)
    }
  })

  it('ENF-2: paths of the file come before those that are looked up, and an open one passes', async () => {
    const paths = [{ path: '/', 'enforcement-mode': 'DISABLED' }, { ...B, path: '/api/resourcea' }]
    const call = await start({ 'lazy-load-paths': true, paths })
    assert.equal(await statusOf(call, '/'), 200)
    assert.equal(await statusOf(call, '/api/resourcea', bob), 403, 'it is Resource B by the file')
    assert.equal(await statusOf(call, '/api/resourceb', bob), 403, 'and that is bound to another path')
  })

  it('ENF-3 and ENF-4: claims of every provider arrive once and are echoed in the permission', async () => {
    const asked = []
    const service = createServer((request, response) => {
      asked.push([request.method, request.url, request.headers['x-tenant'], request.headers.authorization])
      response.end('{"address":{"country":"br"},"roles":["teller","clerk"],"extra":1}')
    })
    await once(service.listen(0, '127.0.0.1'), 'listening')
    stops.push(() => (service.closeAllConnections(), service.close()))
    const http = {
      url: `http://127.0.0.1:${service.address().port}/claims`, headers: { 'x-tenant': 'demo', authorization: 'Bearer {keycloak.access_token}' },
      parameters: { user: "{keycloak.access_token['/sub']}" }, claims: { country: '/address/country', roles: '/roles' },
    }
    const claims = { 'claim-a': "{request.parameter['claim-a']}", 'claim-b': ['static', 'twice'] }
    const call = await start({ 'claim-information-point': { claims, http }, paths: [A] })
    const { status, body } = await call('/api/resourcea?claim-a=value-a', bob)
    assert.equal(status, 200)
    assert.deepEqual(body.permission.claims, { 'claim-a': ['value-a'], 'claim-b': ['static', 'twice'], country: ['br'], roles: ['teller', 'clerk'] })
    const { sub } = JSON.parse(Buffer.from(bob.split('.')[1], 'base64url'))
    assert.deepEqual(asked, [['GET', `/claims?user=${sub}`, 'demo', `Bearer ${bob}`]], 'once, for the token that was sent')
    assert.equal(await statusOf(call, '/api/resourcea?claim-a=value-a'), 403)
    assert.equal(await statusOf(call, '/api/resourcea?claim-a=value-a', `${bob}x`), 403)
    assert.equal(asked.length, 1, 'strangers make nobody be asked')
  })

  it('a service of claims that fails lets nobody through, and is no secret’s way out', async () => {
    for (const answer of [
      (response) => response.writeHead(500).end('{"country":"br"}'), (response) => response.end('<html>'), (response) => response.end('[1]'),
      (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), (response) => response.destroy(), () => {},
      (response) => response.end(JSON.stringify({ more: 'x'.repeat(300_000) })),
    ]) {
      const service = createServer((_, response) => answer(response))
      await once(service.listen(0, '127.0.0.1'), 'listening')
      stops.push(() => (service.closeAllConnections(), service.close()))
      const why = []
      const http = { url: `http://127.0.0.1:${service.address().port}/secret`, method: 'POST', parameters: { a: 'b' } }
      const options = { timeout: 2_000, onRefused: ({ code, message }) => why.push([code, message]) }
      const call = await start({ 'claim-information-point': { http }, paths: [A] }, options)
      const { status, headers, body } = await call('/api/resourcea', bob)
      assert.deepEqual([status, headers.warning, body], [403, undefined, { error: 'access_denied' }])
      assert.deepEqual(why, [['not_permitted', 'a service has no claims about the request']])
    }
    const http = { url: 'http://claims.example/' }
    await assert.rejects(start({ 'claim-information-point': { http }, paths: [A] }), { code: 'insecure_url' })
  })

  it('claims of a body are those of whoever has read it', async () => {
    const claims = { amount: "{request.body['/withdrawal/amount']}" }
    const described = { describe: async () => ({ body: '{"withdrawal":{"amount":50}}' }) }
    const enforcer = { 'claim-information-point': { claims }, paths: [A] }
    assert.deepEqual((await (await start(enforcer, described))('/api/resourcea', bob)).body.permission.claims, { amount: ['50'] })
    assert.equal((await (await start(enforcer))('/api/resourcea', bob)).body.permission.claims, undefined)
  })

  it('ENF-5 and ENF-6: who is denied is redirected, and only that page is open', async () => {
    const call = await start({ 'on-deny-redirect-to': '/accessDenied', paths: [A] })
    for (const path of ['/api/resourcea', '/x', '/accessDenied/x', '/x/accessDenied', '/api/resourcea?x=/accessDenied', '/api/resourcea;/accessDenied']) {
      const { status, headers } = await call(path)
      assert.deepEqual([status, headers.location], [302, '/accessDenied'], path)
    }
    assert.equal(await statusOf(call, '/accessDenied'), 200)
    assert.equal(await statusOf(call, '/accessDenied', undefined, { method: 'POST' }), 302)
  })

  it('ENF-7: a path that nobody has mapped is refused', async () => {
    const call = await start({ paths: [A] })
    assert.deepEqual([await statusOf(call, '/api/unmapped'), await statusOf(call, '/api/unmapped', bob)], [403, 403])
  })

  it('ENF-8: a path whose enforcement is off passes, and no other', async () => {
    const call = await start({ paths: [{ ...A, 'enforcement-mode': 'DISABLED' }, B] })
    assert.deepEqual([await statusOf(call, '/api/resourcea'), await statusOf(call, '/api/resourcea', bob)], [200, 200])
    assert.deepEqual([await statusOf(call, '/api/resourceb'), await statusOf(call, '/api/resourceb', bob)], [403, 403])
  })

  it('ENF-9: a public path stays public without the resource of the root', async () => {
    const root = await found('Root')
    const call = await start({ 'lazy-load-paths': true, paths: [{ path: '/public/*', 'enforcement-mode': 'DISABLED' }, A] })
    assert.equal(await statusOf(call, '/public/page'), 200)
    await protection.remove(root)
    assert.equal(await statusOf(call, '/public/page'), 200)
    assert.equal(await statusOf(call, '/elsewhere', bob), 403)
  })

  it('ENF-10: what was kept about a path is looked at again, and a deleted resource opens nothing', async () => {
    const id = await protection.register({ name: 'Resource C', resource_scopes: ['read'], uris: ['/api/resourcec'], owner: 'alice', ownerManagedAccess: true })
    await protection.tickets.create({ resource: id, scopeName: 'read', requesterName: 'bob', granted: true })
    let ahead = 0
    const call = await start({ 'lazy-load-paths': true, 'path-cache': { lifespan: 1_000 }, paths: [A] }, { clock: () => Date.now() + ahead })
    assert.equal(await statusOf(call, '/api/resourcec', bob), 200)
    await protection.remove(id)
    ahead = 1_500
    assert.equal(await statusOf(call, '/api/resourcec', bob), 403)
  })

  it('ENF-12: where enforcement is off any good token is enough, and none is not', async () => {
    const call = await start({ 'enforcement-mode': 'DISABLED' })
    assert.deepEqual([await statusOf(call, '/api/resourceb'), await statusOf(call, '/api/resourceb', 'x')], [401, 401])
    const id = await found('Resource A')
    assert.equal(await statusOf(call, '/api/resourceb', await protection.requestToken(bob, [{ resource: id }])), 200)
  })

  it('ENF-16: two hundred resources are found as they are hit, and listed in one answer', async () => {
    const names = Array.from({ length: 200 }, (_, at) => at)
    for (let at = 0; at < names.length; at += 20) {
      await Promise.all(names.slice(at, at + 20).map((at) => protection.register({ name: `Lazy ${at}`, uris: [`/api/${at}`], resource_scopes: ['read'], owner: 'bob', ownerManagedAccess: true })))
    }
    let lookups = 0
    const counted = (url, init) => ((lookups += String(url).includes('resource_set?')), fetch(url, init))
    const call = await start({ 'lazy-load-paths': true, paths: [{ path: '/open', 'enforcement-mode': 'DISABLED' }] }, { fetch: counted })
    assert.equal(lookups, 0, 'nothing is loaded at the start')
    for (const count of [101, 200]) {
      const denied = await Promise.all(names.slice(0, count).map((at) => statusOf(call, `/api/${at}`, bob)))
      assert.deepEqual(new Set(denied), new Set([403]), 'there is no policy for them')
      assert.equal(lookups, count, 'each once')
    }
    assert.equal(await statusOf(call, '/api/200', bob), 403)
    const listed = await fetch(`${server.issuer}/authz/protection/resource_set?matchingUri=false&exactName=false&deep=false&max=-1`, {
      headers: { authorization: `Bearer ${(await server.post('/protocol/openid-connect/token', { grant_type: 'client_credentials', client_id: 'documents', client_secret: 'documents-secret' })).access_token}` },
    })
    assert.ok((await listed.json()).length >= 200)
  })

  it('ENF-17: methods have their own enforcement; where it is off, a token for this server is enough', async () => {
    const methods = [{ method: 'GET', scopes: [], 'scopes-enforcement-mode': 'DISABLED' }, { method: 'POST', scopes: ['write'] }]
    const call = await start({ paths: [{ ...B, methods }] })
    const rpt = await protection.requestToken(bob, [{ resource: await found('Resource A') }])
    assert.equal(await statusOf(call, '/api/resourceb', rpt), 200)
    assert.equal(await statusOf(call, '/api/resourceb', rpt, { method: 'POST' }), 403)
    assert.deepEqual([await statusOf(call, '/api/resourceb', bob), await statusOf(call, '/api/resourceb')], [403, 403])
  })

  for (const [id, name, token] of [
    ['ENF-19', 'without a token', async () => undefined],
    ['ENF-20', 'with a token of the resource server itself', () => server.token('bob', 'documents')],
    ['ENF-21', 'with a token of a public client', () => server.token('bob')],
  ]) {
    it(`${id}: claims of the request decide, ${name}`, async () => {
      const claims = { 'withdrawal.amount': "{request.parameter['withdrawal.amount']}" }
      const path = { name: 'Bank Account', path: '/api/bank/account/{id}/withdrawal', methods: [{ method: 'POST', scopes: ['withdrawal'] }] }
      const call = await start({ paths: [{ ...path, 'claim-information-point': { claims } }] })
      const sent = await token()
      const seen = []
      for (const query of ['', '?withdrawal.amount=50', '?withdrawal.amount=200', '?withdrawal.amount=10']) {
        const { status, body } = await call(`/api/bank/account/1/withdrawal${query}`, sent, { method: 'POST' })
        seen.push(status === 200 ? body.permission.claims['withdrawal.amount'][0] : status)
      }
      assert.deepEqual(seen, sent === undefined ? [403, 403, 403, 403] : [403, '50', 403, '10'])
    })
  }
})
