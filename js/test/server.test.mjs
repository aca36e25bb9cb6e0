// The package against the real server program.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

import { challenge, createGuard } from 'countersign'
import { createUmaFetch } from 'countersign/client'
import { createProtection, ServerError } from 'countersign/protection'

import { noServer, Server } from './server.mjs'

const collected = async (items) => {
  const all = []
  for await (const item of items) all.push(item)
  return all
}

describe('with the real server', { skip: noServer }, () => {
  let server, protection
  before(async () => {
    server = await Server.start()
    protection = createProtection(server.credentials)
  })
  after(() => server?.stop())

  const document = (name, more = {}) => ({ name, owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read', 'write'], ...more })

  it('resources are registered, found, changed and removed', async () => {
    const id = await protection.register(document('life', { uris: ['/life'], type: 'urn:x:doc', displayName: 'Life', attributes: { k: ['v'] } }))
    const read = await protection.get(id)
    assert.deepEqual({ ...read, owner: undefined, scopes: [...read.scopes].sort() }, {
      id, name: 'life', owner: undefined, ownerManagedAccess: true, scopes: ['read', 'write'], uris: ['/life'], type: 'urn:x:doc',
      displayName: 'Life', attributes: { k: ['v'] },
    })
    assert.deepEqual(await protection.find({ name: 'life', exactName: true }), [id])
    assert.deepEqual((await collected(protection.list({ uri: '/life' }))).map(({ id, owner }) => [id, owner.name]), [[id, 'alice']])
    await protection.update(id, { name: 'life', resource_scopes: ['read'], ownerManagedAccess: true })
    assert.deepEqual([(await protection.get(id)).scopes, (await protection.get(id)).uris], [['read'], []])
    await protection.remove(id)
    assert.equal(await protection.get(id), undefined)
    await assert.rejects(protection.remove(id), (error) => error instanceof ServerError && error.status === 404)
  })

  it('ensure registers once, also from many places at once, and tells names apart by case', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => protection.ensure(document('shared'))))
    assert.equal(new Set(ids).size, 1)
    assert.notEqual(await protection.ensure(document('Shared')), ids[0])
    assert.equal(await protection.ensure(document('shared')), ids[0])
  })

  it('lists go over all pages', async () => {
    const ids = []
    for (let n = 0; n < 7; n += 1) ids.push(await protection.register(document(`page ${n}`, { type: 'urn:x:page' })))
    for (const size of [1, 3, 7, 100]) {
      assert.deepEqual((await collected(protection.list({ type: 'urn:x:page' }, size))).map(({ id }) => id), ids, `pages of ${size}`)
    }
    let first
    for await (const resource of protection.list({ type: 'urn:x:page' }, 2)) {
      first = resource.id
      break
    }
    assert.equal(first, ids[0])
  })

  it('errors have the words of the server', async () => {
    await protection.register(document('twice'))
    await assert.rejects(protection.register(document('twice')), { name: 'ServerError', code: 'server_refused', status: 409, error: 'invalid_request' })
    const id = await protection.ensure(document('words'))
    await assert.rejects(protection.requestTicket([{ resource: id, scopes: ['fly'] }]), { status: 400, error: 'invalid_scope' })
    await assert.rejects(protection.requestTicket([{ resource: 'nothing' }]), { status: 400, error: 'invalid_resource_id' })
    const wrong = createProtection({ ...server.credentials, clientSecret: 'wrong' })
    await assert.rejects(wrong.find({}), (error) => error instanceof ServerError && error.status === 401 && !error.message.includes('wrong'))
  })

  it('ids with any characters stay one part of the path', async () => {
    for (const id of ['../ticket', 'a/b', 'a?b=c', '%2e%2e', 'é']) assert.equal(await protection.get(id), undefined, id)
    for (const id of ['', '.', '..']) await assert.rejects(protection.get(id), { code: 'invalid_configuration' })
  })

  it('stored tickets are listed, counted, granted and removed', async () => {
    const resource = await protection.ensure(document('ticketed'))
    const made = await protection.tickets.create({ resource, scopeName: 'read', requesterName: 'bob', granted: false })
    assert.equal(made.granted, false)
    assert.equal(await protection.tickets.count({ resourceId: resource }), 1)
    await protection.tickets.grant(made.id)
    const [row] = await collected(protection.tickets.list({ resourceId: resource, granted: true, returnNames: true }))
    assert.deepEqual([row.id, row.scopeName, row.requesterName, row.ownerName, row.resourceName], [made.id, 'read', 'bob', 'alice', 'ticketed'])
    await protection.tickets.remove(made.id)
    assert.deepEqual(await collected(protection.tickets.list({ resourceId: resource })), [])
    await assert.rejects(protection.tickets.remove(made.id), { status: 400, error: 'invalid_request' })
  })

  it('policies are their owner’s', async () => {
    const resource = await protection.ensure(document('ruled'))
    const policies = protection.policies(await server.token('alice', 'documents'))
    const made = await policies.create(resource, { name: 'bob reads', scopes: ['read'], users: ['bob'] })
    assert.deepEqual([made.name, made.scopes, made.users], ['bob reads', ['read'], ['bob']])
    await policies.update(made.id, { name: 'carol reads', scopes: ['read'], users: ['carol'] })
    assert.deepEqual((await policies.get(made.id)).users, ['carol'])
    assert.deepEqual((await collected(policies.list({ resource }, 1))).map(({ id }) => id), [made.id])
    await assert.rejects(protection.policies(await server.token('bob', 'documents')).create(resource, { name: 'mine', users: ['bob'] }), { status: 400 })
    await policies.remove(made.id)
    assert.deepEqual(await policies.page({ resource }), [])
  })

  it('from a challenge to a token to a withdrawal', async () => {
    const resource = await protection.ensure(document('the way'))
    const guard = await createGuard({ issuer: server.issuer, audience: 'documents', introspection: server.credentials })
    const files = createServer(async (request, response) => {
      const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
      const scopes = [request.method === 'GET' ? 'read' : 'write']
      const answer = await guard.check({ token, resource, scopes, fresh: request.url === '/fresh' })
      if (answer.permitted) return response.end(answer.rpt.preferred_username ?? answer.rpt.sub)
      const ticket = await protection.requestTicket([{ resource, scopes }])
      response.writeHead(401, { 'www-authenticate': challenge({ realm: 'documents', as_uri: server.issuer, ticket }) }).end()
    })
    await once(files.listen(0, '127.0.0.1'), 'listening')
    const origin = `http://127.0.0.1:${files.address().port}`
    try {
      const token = await server.token('bob')
      const umaFetch = createUmaFetch({ authorizationServers: [{ issuer: server.issuer, origins: [origin], token: () => token }] })
      const error = await umaFetch(`${origin}/`).catch((reason) => reason)
      assert.equal(error.code, 'request_submitted', 'alice has been asked')
      const [request] = await collected(protection.tickets.list({ resourceId: resource, granted: false }))
      await protection.tickets.grant(request.id)
      const answer = await umaFetch(`${origin}/`)
      assert.deepEqual([answer.status, await answer.text()], [200, 'bob'])
      assert.equal((await umaFetch(`${origin}/fresh`)).status, 200)
      await assert.rejects(umaFetch(`${origin}/`, { method: 'PUT' }), { code: 'request_submitted' })
      await protection.tickets.remove(request.id)
      await assert.rejects(umaFetch(`${origin}/fresh`), { code: 'request_submitted' }, 'asked anew, it is withdrawn')
      const submission = (await umaFetch(`${origin}/other`).catch((reason) => reason)).submission
      assert.equal(submission.issuer, server.issuer)
    } finally {
      files.closeAllConnections()
      files.close()
    }
  })

  it('a withdrawal ends a token by the list, and by introspection what is left of it', async () => {
    const resource = await protection.ensure(document('withdrawn'))
    const { id } = await protection.tickets.create({ resource, scopeName: 'read', requesterName: 'bob', granted: true })
    const ticket = await protection.requestTicket([{ resource, scopes: ['read'] }])
    const { access_token: token } = await (await fetch(`${server.issuer}/protocol/openid-connect/token`, {
      method: 'POST', headers: { authorization: `Bearer ${await server.token('bob')}` },
      body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket', ticket }),
    })).json()
    const { status } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
    assert.ok(status, 'the server keeps a status list')
    let now = Date.now()
    const options = { issuer: server.issuer, audience: 'documents', clock: () => now, withdrawals: 'list' }
    const guards = [await createGuard(options), await createGuard({ ...options, introspection: server.credentials })]
    const codes = () => Promise.all(guards.map(async (guard) => (await guard.check({ token, resource, scopes: ['read'] })).code))
    assert.deepEqual(await codes(), [undefined, undefined])
    await protection.tickets.remove(id)
    now += 6_000
    const [blind, asking] = await codes()
    assert.equal(blind, 'withdrawn')
    assert.ok(['withdrawn', 'not_permitted'].includes(asking), asking)
  })

  it('introspection tells what a token permits', async () => {
    const resource = await protection.ensure(document('looked at'))
    const { id } = await protection.tickets.create({ resource, scopeName: 'read', requesterName: 'bob', granted: true })
    const ticket = await protection.requestTicket([{ resource, scopes: ['read'] }])
    const answer = await fetch(`${server.issuer}/protocol/openid-connect/token`, {
      method: 'POST', headers: { authorization: `Bearer ${await server.token('bob')}` },
      body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket', ticket }),
    })
    const { access_token: rpt } = await answer.json()
    assert.deepEqual((await protection.introspect(rpt)).permissions.map(({ rsid, scopes }) => [rsid, scopes]), [[resource, ['read']]])
    await protection.tickets.remove(id)
    assert.deepEqual((await protection.introspect(rpt)).permissions ?? [], [])
    assert.equal((await protection.introspect('rubbish')).active, false)
  })
})
