import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'

import { createProtection, ServerError } from 'countersign/protection'

import { Issuer } from './issuer.mjs'

const TOKEN = '/protocol/openid-connect/token'
const RESOURCES = '/authz/protection/resource_set'
const PERMISSION = '/authz/protection/permission'

const started = []
after(() => Promise.all(started.map((issuer) => issuer.stop())))

async function start() {
  const issuer = await Issuer.start()
  started.push(issuer)
  const calls = []
  let serial = 0
  issuer.routes.set(TOKEN, (request, body) => {
    calls.push({ authorization: request.headers.authorization, body })
    return [200, { access_token: `pat-${(serial += 1)}`, expires_in: 300 }]
  })
  const options = { issuer: issuer.url, clientId: 'documents', clientSecret: 's+e cret', clock: () => issuer.now * 1_000 }
  return { issuer, calls, protection: createProtection(options) }
}

describe('protection', () => {
  it('gets one token for many calls and renews it in time', async () => {
    const { issuer, calls, protection } = await start()
    const seen = []
    issuer.routes.set(PERMISSION, (request) => {
      seen.push(request.headers.authorization)
      return [201, { ticket: 't1' }]
    })
    const ask = () => protection.requestTicket([{ resource: '42', scopes: ['read'] }])
    await Promise.all([ask(), ask(), ask()])
    issuer.now += 289
    await ask()
    assert.equal(calls.length, 1)
    assert.equal(calls[0].body, 'grant_type=client_credentials')
    assert.equal(calls[0].authorization, `Basic ${Buffer.from('documents:s%2Be+cret').toString('base64')}`)
    issuer.now += 1
    await ask()
    assert.equal(calls.length, 2)
    assert.deepEqual(new Set(seen), new Set(['Bearer pat-1', 'Bearer pat-2']))
  })

  it('gets a new token once where the server refuses the old one', async () => {
    const { issuer, calls, protection } = await start()
    issuer.routes.set(PERMISSION, (request) =>
      request.headers.authorization === 'Bearer pat-2' ? [201, { ticket: 't1' }] : [403, { error: 'invalid_bearer_token' }])
    assert.equal(await protection.requestTicket([{ resource: '42' }]), 't1')
    issuer.routes.set(PERMISSION, () => [401, {}])
    await assert.rejects(protection.requestTicket([{ resource: '42' }]), (error) => error.status === 401)
    assert.equal(calls.length, 3)
  })

  it('asks for tickets with an array, as Keycloak wants it', async () => {
    const { issuer, protection } = await start()
    let sent
    issuer.routes.set(PERMISSION, (_, body) => {
      sent = JSON.parse(body)
      return [201, { ticket: 't1' }]
    })
    const claims = { organization: ['acme'] }
    assert.equal(await protection.requestTicket([{ resource: '42', scopes: ['read'], claims }]), 't1')
    assert.deepEqual(sent, [{ resource_id: '42', resource_scopes: ['read'], claims }])
  })

  it('finds a resource that is there and registers one that is not', async () => {
    const { issuer, protection } = await start()
    const resources = new Map()
    const route = (request, body) => {
      if (request.method === 'POST') {
        const description = JSON.parse(body)
        resources.set(description.name, `id of ${description.name}`)
        return [201, { ...description, _id: `id of ${description.name}` }]
      }
      const query = new URL(request.url, issuer.url).searchParams
      assert.deepEqual([query.get('owner'), query.get('exactName')], ['alice', 'true'])
      const _id = resources.get(query.get('name'))
      return [200, _id === undefined ? [] : [{ _id, name: query.get('name') }]]
    }
    issuer.routes.set(RESOURCES, route)
    const description = { name: 'document 42', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read'] }
    assert.equal(await protection.ensure(description), 'id of document 42')
    assert.equal(await protection.ensure(description), 'id of document 42')
    assert.equal(issuer.requests.filter((url) => url.endsWith(RESOURCES)).length, 1, 'registered once')
    // Another process registers between the look and the call.
    let looks = 0
    issuer.routes.set(RESOURCES, (request) => {
      if (request.method === 'POST') return [409, { error: 'invalid_request' }]
      return [200, (looks += 1) === 1 ? [] : [{ _id: 'theirs', name: description.name }]]
    })
    assert.equal(await protection.ensure(description), 'theirs')
  })

  it('keeps the words of the server apart from its own code', async () => {
    const { issuer, protection } = await start()
    const refusal = { error: 'invalid_scope', error_description: 'Scope [x] is invalid' }
    issuer.routes.set(PERMISSION, () => [400, refusal])
    await assert.rejects(protection.requestTicket([{ resource: '42', scopes: ['x'] }]), (error) => {
      assert.ok(error instanceof ServerError)
      const { code, status, error: theirs, errorDescription } = error
      assert.deepEqual([code, status, theirs, errorDescription], ['server_refused', 400, 'invalid_scope', refusal.error_description])
      return true
    })
    issuer.routes.set(PERMISSION, () => [201, { tickets: 1 }])
    await assert.rejects(protection.requestTicket([]), { code: 'unexpected_answer' })
    issuer.routes.set(TOKEN, () => [401, { error: 'unauthorized_client' }])
    issuer.now += 1_000
    await assert.rejects(protection.requestTicket([]), { code: 'server_refused', error: 'unauthorized_client' })
  })

  it('makes a call again only where it cannot do anything twice', async () => {
    const { issuer, protection } = await start()
    let calls = 0
    const lost = (response) => response.destroy()
    const once = (answer) => () => ((calls += 1) === 1 ? lost : answer)
    const made = async (path, answer, call) => {
      calls = 0
      issuer.routes.set(path, once(answer))
      const outcome = await call().then((value) => value ?? 'done', (error) => error.code)
      return [outcome, calls]
    }
    const description = { name: 'x', resource_scopes: [] }
    assert.deepEqual(await made(RESOURCES, [201, { _id: 'x' }], () => protection.register(description)), ['server_unreachable', 1])
    assert.deepEqual(await made(PERMISSION, [201, { ticket: 't' }], () => protection.requestTicket([{ resource: 'x' }])), ['t', 2])
    assert.deepEqual(await made(RESOURCES, [200, []], () => protection.find({ name: 'x' })).then(([, n]) => n), 2)
    assert.deepEqual(await made(`${RESOURCES}/x`, [204], () => protection.update('x', description)), ['done', 2])
    // The first one did it.
    assert.deepEqual(await made(`${RESOURCES}/x`, [404, {}], () => protection.remove('x')), ['done', 2])
    assert.deepEqual(await made(`${PERMISSION}/ticket`, [200, {}], () => protection.tickets.create({ resource: 'x', scopeName: 'y' })), ['server_unreachable', 1])
    issuer.routes.set(PERMISSION, () => ((calls += 1), [503, { error: 'temporarily_unavailable' }]))
    calls = 0
    await assert.rejects(protection.requestTicket([{ resource: 'x' }]), { status: 503 })
    assert.equal(calls, 2)
  })

  it('says that a server is away, and finds it again', async () => {
    const { issuer, protection } = await start()
    const { url } = issuer
    await issuer.stop()
    started.splice(started.indexOf(issuer), 1)
    await assert.rejects(protection.requestTicket([{ resource: '42' }]), { code: 'server_unreachable' })
    assert.throws(() => createProtection({ issuer: url.replace('127.0.0.1', 'as.example'), clientId: 'a', clientSecret: 'b' }), {
      code: 'insecure_url',
    })
  })
})
