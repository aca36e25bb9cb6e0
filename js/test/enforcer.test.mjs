// Keycloak's configuration file as it is, in every adapter, against the real server.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'

import express from 'express'
import Fastify from 'fastify'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import * as expressAdapter from 'countersign/express'
import * as fastifyAdapter from 'countersign/fastify'
import * as honoAdapter from 'countersign/hono'
import * as nodeAdapter from 'countersign/node'
import * as workerAdapter from 'countersign/worker'
import { createProtection } from 'countersign/protection'

import { noServer, Server } from './server.mjs'

/** Every adapter, as a server that answers with what it was let through with */
const ADAPTERS = {
  async node(options) {
    const uma = await nodeAdapter.createUma(options)
    const server = createServer(uma.enforce((request, response) => response.end(JSON.stringify(request.uma))))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return [server.address().port, () => (server.closeAllConnections(), server.close())]
  },
  async express(options) {
    const uma = await expressAdapter.createUma(options)
    const app = express().use('/', uma.enforce(), (request, response) => response.json(request.uma))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return [server.address().port, () => (server.closeAllConnections(), server.close())]
  },
  async fastify(options) {
    const uma = await fastifyAdapter.createUma(options)
    const app = Fastify()
    app.addHook('onRequest', uma.enforce())
    app.all('/*', async (request) => request.uma)
    await app.listen({ host: '127.0.0.1', port: 0 })
    return [app.server.address().port, () => app.close()]
  },
  async hono(options) {
    const uma = await honoAdapter.createUma(options)
    const app = new Hono().use(uma.enforce()).all('*', (c) => c.json(c.get('uma')))
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => resolve([port, () => server.close()]))
    })
  },
  async worker(options) {
    const uma = await workerAdapter.createUma(options)
    const handler = uma.enforce((_, access) => Response.json(access))
    return new Promise((resolve) => {
      const server = serve({ fetch: handler, hostname: '127.0.0.1', port: 0 }, ({ port }) => resolve([port, () => server.close()]))
    })
  },
}

describe('enforce', { skip: noServer }, () => {
  let server, protection, id
  const stops = []
  before(async () => {
    server = await Server.start()
    protection = createProtection(server.credentials)
    id = await protection.ensure({ name: 'life', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read', 'write'], uris: ['/documents/42'] })
    const reading = await protection.tickets.create({ resource: id, scopeName: 'read', requesterName: 'bob', granted: true })
    assert.equal(reading.granted, true)
  })
  after(async () => {
    for (const stop of stops) await stop()
    await server?.stop()
  })

  /** What Keycloak's console gives people to download, with rules */
  const keycloak = (enforcer, more = {}) => ({
    realm: 'demo', 'auth-server-url': `${server.url}/`, 'ssl-required': 'external', resource: 'documents', 'confidential-port': 0,
    credentials: { secret: 'documents-secret' }, 'policy-enforcer': enforcer, ...more,
  })
  const methods = [{ method: 'GET', scopes: ['read'] }, { method: 'PUT', scopes: ['write'] }]
  const paths = () => [{ path: '/', 'enforcement-mode': 'DISABLED' }, { path: '/documents/42', id, methods }, { path: '/documents/{id}', methods }]
  const start = async (name, config, options = {}) => {
    const [port, stop] = await ADAPTERS[name]({ keycloak: config, ...options })
    stops.push(stop)
    return (path, token, init = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init, headers: { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) } })
  }
  const exchanged = async (ticket) =>
    (await fetch(`${server.issuer}/protocol/openid-connect/token`, {
      method: 'POST', headers: { authorization: `Bearer ${await server.token('bob')}` },
      body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket', ticket }),
    })).json()

  for (const name of Object.keys(ADAPTERS)) {
    it(`with user-managed-access sends for a ticket and takes the token (${name})`, async () => {
      const call = await start(name, keycloak({ 'user-managed-access': {}, paths: paths() }, { 'bearer-only': true }))
      assert.equal((await call('/')).status, 200, 'an open path')
      for (const token of [undefined, 'rubbish', await server.token('bob')]) {
        const answer = await call('/documents/42', token)
        assert.equal(answer.status, 401)
        assert.match(answer.headers.get('www-authenticate'), /^UMA realm="documents",as_uri="[^"]+",ticket="[^"]+"$/)
      }
      const [, ticket] = /ticket="([^"]+)"/.exec((await call('/documents/42')).headers.get('www-authenticate'))
      const { access_token: rpt } = await exchanged(ticket)
      const answer = await call('/documents/42?page=2', rpt)
      assert.equal(answer.status, 200)
      const { permission, rpt: claims } = await answer.json()
      assert.deepEqual([permission.rsid, permission.scopes, claims.preferred_username ?? 'bob'], [id, ['read'], 'bob'])
      assert.equal((await call('/documents/42', rpt, { method: 'PUT' })).status, 401, 'another scope')
      assert.equal((await call('/documents/43', rpt)).status, 403, 'no resource')
      assert.equal((await call('/elsewhere', rpt)).status, 403, 'an unknown path')
      const overridden = await call('/', undefined, { headers: { 'x-original-url': '/documents/42' } })
      assert.equal(overridden.status, 403, 'a request that says it is another')
    })

    it(`without it asks in the name of who sends the request (${name})`, async () => {
      const call = await start(name, keycloak({ paths: paths() }))
      const bob = await server.token('bob')
      const answer = await call('/documents/42', bob)
      assert.equal(answer.status, 200)
      assert.deepEqual((await answer.json()).permission.scopes, ['read'])
      assert.equal((await call('/documents/42', bob)).status, 200)
      assert.equal((await call('/documents/42', bob, { method: 'PUT' })).status, 403)
      assert.equal((await call('/documents/42', await server.token('carol'))).status, 403)
      assert.equal((await call('/documents/42')).status, 403)
      assert.equal((await call('/documents/42', 'rubbish')).status, 403)
    })
  }

  it('challenges whoever shows a token, good or not, and nobody else unless it is bearer-only', async () => {
    const call = await start('node', keycloak({ 'user-managed-access': {}, paths: paths() }))
    const answers = await Promise.all([undefined, 'rubbish', await server.token('bob')].map((token) => call('/documents/42', token)))
    assert.deepEqual(answers.map(({ status, headers }) => [status, /^UMA /.test(headers.get('www-authenticate') ?? '')]), [[403, false], [401, true], [401, true]])
  })

  it('looks instances up by their path, and keeps what it has found', async () => {
    let lookups = 0
    const counted = (url, init) => {
      if (String(url).includes('resource_set?')) lookups += 1
      return fetch(url, init)
    }
    const call = await start('node', keycloak({ paths: [{ path: '/documents/{id}', methods }] }), { fetch: counted })
    const bob = await server.token('bob')
    assert.equal((await call('/documents/42', bob)).status, 200)
    assert.equal((await call('/documents/42', bob)).status, 200)
    assert.equal(lookups, 1)
    assert.equal((await call('/documents/42', bob, { method: 'DELETE' })).status, 200, 'no scopes are needed for it')
    assert.equal((await call('/documents/42', bob)).status, 200)
    assert.equal(lookups, 2, 'a deleted instance is looked up anew')
  })

  it('ENF-14: grants by the token of who asks, and nothing without', async () => {
    const call = await start('node', keycloak({ paths: paths() }))
    assert.equal((await call('/documents/42')).status, 403)
    assert.equal((await call('/documents/42', await server.token('bob'))).status, 200)
  })

  it('ENF-15: denies the same access token after its session was logged out', async () => {
    const call = await start('node', keycloak({ paths: paths() }))
    const form = { grant_type: 'password', client_id: 'reader', username: 'bob', password: 'bob-password', scope: 'openid' }
    const { access_token: token, refresh_token: refresh } = await server.post('/protocol/openid-connect/token', form)
    assert.equal((await call('/documents/42', token)).status, 200)
    const body = new URLSearchParams({ client_id: 'reader', refresh_token: refresh })
    assert.equal((await fetch(`${server.issuer}/protocol/openid-connect/logout`, { method: 'POST', body })).status, 204)
    // What it has got before ends with the session; the stream says so at once, and the list within its ttl.
    for (let left = 1_000; (await call('/documents/42', token)).status !== 403; left -= 1) {
      assert.ok(left > 0, 'it still opens the document')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.equal((await call('/documents/42', token)).status, 403)
    assert.equal((await call('/documents/42', await server.token('bob'))).status, 200, 'another sign-in')
  })

  it('redirects, demands any token, and lets nothing through while the server is away', async () => {
    const redirecting = await start('node', keycloak({ 'on-deny-redirect-to': '/denied', paths: paths() }))
    const answer = await redirecting('/documents/42')
    assert.deepEqual([answer.status, answer.headers.get('location')], [302, '/denied'])
    const disabled = await start('node', keycloak({ 'enforcement-mode': 'DISABLED', paths: paths() }))
    const refused = await disabled('/documents/42')
    assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer realm="documents"'])
    const away = await start('node', keycloak({ 'user-managed-access': {}, paths: paths() }, { 'bearer-only': true }), {
      fetch: () => Promise.reject(new TypeError('away')),
    })
    const lost = await away('/documents/42')
    assert.deepEqual([lost.status, lost.headers.get('warning')], [403, '199 - "UMA Authorization Server Unreachable"'])
    assert.equal((await away('/documents/43', 'x')).status, 403)
    assert.equal((await away('/')).status, 200, 'open as before')
  })

  it('says at registration what is wrong with a file', async () => {
    const refused = (config, message) => assert.rejects(nodeAdapter.createUma({ keycloak: config }), { code: 'invalid_configuration', message })
    await refused(keycloak({ pathes: [] }), '`policy-enforcer.pathes` is not known; did you mean `paths`?')
    await refused(keycloak({ 'claim-information-point': { http: {} } }), '`policy-enforcer.claim-information-point.http.url` is missing: give it the address of the service')
    await refused({ ...keycloak({}), credentials: {} }, '`clientSecret` is missing')
    const { enforce } = await nodeAdapter.createUma(server.credentials)
    assert.throws(() => enforce(() => {}), { code: 'invalid_configuration' })
  })
})
