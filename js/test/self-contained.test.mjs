// The example of one app for everything, and the page for those who come from the .NET kit.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { createGuard } from 'countersign'
import { createUmaFetch } from 'countersign/client'
import { createUma } from 'countersign/fastify'
import { createProtection } from 'countersign/protection'
import Fastify from 'fastify'

import { noServer, Server } from './server.mjs'

describe('the example self-contained', { skip: noServer }, () => {
  let server, child, origin
  const people = {}
  before(async () => {
    server = await Server.start()
    const main = fileURLToPath(new URL('../examples/self-contained/src/main.mjs', import.meta.url))
    const env = { ...process.env, ISSUER: server.issuer, CLIENT_ID: 'documents', CLIENT_SECRET: 'documents-secret', PORT: '0' }
    child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    origin = JSON.parse((await once(createInterface({ input: child.stdout }), 'line'))[0]).listening
    // The people of an app sign in at its own client.
    for (const name of ['alice', 'bob', 'carol']) people[name] = await server.token(name, 'documents')
  })
  after(async () => {
    if (child !== undefined) {
      child.kill('SIGTERM')
      assert.equal((await once(child, 'exit'))[0], 0)
    }
    await server?.stop()
  })

  const call = async (name, path, method = 'GET') => {
    const headers = name === undefined ? {} : { authorization: `Bearer ${people[name] ?? name}` }
    const answer = await fetch(`${origin}${path}`, { method, headers })
    return { status: answer.status, body: await answer.json().catch(() => undefined) }
  }

  it('lets a person ask, the owner answer, and nobody else anything', async () => {
    assert.equal((await call(undefined, '/documents/42')).status, 401)
    assert.equal((await call('rubbish', '/documents/42')).status, 401)
    const refused = await call('bob', '/documents/42')
    assert.deepEqual([refused.status, refused.body.ask], [403, '/documents/42/requests'])
    assert.equal((await call('bob', refused.body.ask, 'POST')).status, 202)
    assert.deepEqual((await call('bob', '/requests')).body, [])
    const [request] = (await call('alice', '/requests')).body
    assert.deepEqual({ ...request, id: undefined }, { id: undefined, document: '42', requester: 'bob', scope: 'read', granted: false })
    for (const name of ['bob', 'carol']) assert.equal((await call(name, `/requests/${request.id}`, 'PUT')).status, 404, name)
    assert.equal((await call('bob', '/documents/42')).status, 403, 'asked is not granted')
    assert.equal((await call('alice', `/requests/${request.id}`, 'PUT')).status, 204)
    const { status, body } = await call('bob', '/documents/42')
    assert.deepEqual([status, body.text, body.permitted], [200, 'The answer.', ['read']])
    assert.equal((await call('carol', '/documents/42')).status, 403)
    assert.equal((await call('alice', `/requests/${request.id}`, 'DELETE')).status, 204)
    assert.equal((await call('bob', '/documents/42')).status, 403, 'taken back')
  })

  it('lets nobody in while the authorization server is away', async () => {
    await server.stop()
    assert.equal((await call('alice', '/documents/42')).status, 503)
  })
})

describe('from the .NET kit', () => {
  it('has code that runs, and links to examples that are there', { skip: noServer }, async () => {
    const page = await readFile(new URL('../docs/from-dotnet.md', import.meta.url), 'utf8')
    for (const [, path] of page.matchAll(/\]\(\.\.\/(examples\/[\w-]+)\)/g)) {
      assert.ok(await readFile(new URL(`../${path}/package.json`, import.meta.url)), path)
    }
    const [resourceServer, client, selfContained] = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code.replaceAll(/^import .*$/gm, ''))
    const AsyncFunction = (async () => {}).constructor
    const run = (code, given) => new AsyncFunction(...Object.keys(given), code)(...Object.values(given))
    const server = await Server.start()
    const files = Fastify()
    try {
      const protection = createProtection(server.credentials)
      const resourceId = await protection.ensure({ name: 'document 42', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read'] })
      const share = await protection.tickets.create({ resource: resourceId, scopeName: 'read', requesterName: 'bob', granted: true })
      const { issuer, clientSecret } = server.credentials
      await run(resourceServer, { createUma, issuer, clientSecret, server: files, documents: new Map([['42', { resourceId }]]) })
      const filesOrigin = await files.listen({ host: '127.0.0.1', port: 0 })
      const accessToken = await server.token('bob')
      const answer = await run(`${client}\nreturn answer`, { createUmaFetch, issuer, filesOrigin, accessToken })
      assert.equal(answer.status, 200)
      const mayRead = await run(`${selfContained}\nreturn mayRead`, { createGuard, createProtection, issuer, clientSecret })
      const documentsToken = await server.token('bob', 'documents')
      assert.equal(await mayRead(documentsToken, resourceId), true)
      await protection.tickets.remove(share.id)
      assert.equal(await mayRead(documentsToken, resourceId), false)
    } finally {
      await files.close()
      await server.stop()
    }
  })
})
