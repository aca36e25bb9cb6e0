import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { findChallenge } from 'countersign'

import { Issuer } from './issuer.mjs'

const MAIN = fileURLToPath(new URL('../examples/documents/src/main.mjs', import.meta.url))

/** The example as its own process, as people run it */
async function run(issuer) {
  const env = { ...process.env, ISSUER: issuer.url, CLIENT_ID: 'documents', CLIENT_SECRET: 'secret', PORT: '0' }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return { child, ...JSON.parse(line) }
}

describe('the documents server', () => {
  let issuer, server
  const resources = new Map()

  before(async () => {
    issuer = await Issuer.start(['RS256'])
    issuer.now = Math.floor(Date.now() / 1_000)
    issuer.routes.set('/protocol/openid-connect/token', () => [200, { access_token: 'pat', expires_in: 300 }])
    issuer.routes.set('/authz/protection/permission', () => [201, { ticket: 't1' }])
    issuer.routes.set('/authz/protection/resource_set', (request, body) => {
      if (request.method === 'GET') {
        const name = new URL(request.url, issuer.url).searchParams.get('name')
        return [200, [resources.get(name)].filter(Boolean)]
      }
      const description = JSON.parse(body)
      resources.set(description.name, { ...description, _id: `r${resources.size}` })
      return [201, resources.get(description.name)]
    })
    server = await run(issuer)
  })
  after(async () => {
    server.child.kill('SIGTERM')
    await once(server.child, 'exit')
    await issuer.stop()
  })

  const call = (id, { token, ...init } = {}) =>
    fetch(`${server.listening}/documents/${id}`, { ...init, headers: { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) } })
  const rpt = (...scopes) => issuer.token({ authorization: { permissions: [{ rsid: server.documents['42'], scopes }] } })

  it('registers its documents for their owner', () => {
    const { owner, ownerManagedAccess, resource_scopes: scopes } = resources.get('document 42')
    assert.deepEqual([owner, ownerManagedAccess, scopes], ['alice', true, ['read', 'write']])
    assert.equal(server.documents['42'], resources.get('document 42')._id)
  })

  it('sends away with a ticket who has no permission', async () => {
    for (const token of [undefined, 'rubbish', rpt('write')]) {
      const answer = await call('42', { token })
      assert.equal(answer.status, 401)
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      assert.equal(answer.headers.get('www-authenticate'), `UMA realm="documents",as_uri="${issuer.url}",ticket="t1"`)
      assert.equal(findChallenge(answer.headers.get('www-authenticate')).ticket, 't1')
    }
  })

  it('serves and changes a document as the token permits', async () => {
    const answer = await call('42', { token: rpt('read') })
    assert.deepEqual([answer.status, await answer.json()], [200, { id: '42', text: 'The answer.' }])
    const change = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"text":"Another."}' }
    assert.equal((await call('42', { ...change, token: rpt('read') })).status, 401)
    assert.equal((await call('42', { ...change, token: rpt('write') })).status, 204)
    assert.equal((await (await call('42', { token: rpt('read') })).json()).text, 'Another.')
    assert.equal((await call('43', { token: rpt('read') })).status, 401, 'another document')
    assert.equal((await call('44', { token: rpt('read') })).status, 404)
  })

  it('says so where no ticket can be had', async () => {
    issuer.routes.set('/authz/protection/permission', () => [503, {}])
    const answer = await call('42')
    assert.equal(answer.status, 403)
    assert.equal(answer.headers.get('warning'), '199 - "UMA Authorization Server Unreachable"')
    assert.equal(answer.headers.get('www-authenticate'), null)
  })

  it('finds its documents again when it starts anew', async () => {
    const again = await run(issuer)
    assert.deepEqual(again.documents, server.documents)
    again.child.kill('SIGTERM')
    const [code] = await once(again.child, 'exit')
    assert.equal(code, 0)
  })
})
