// The examples as people run them, against the real server.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { createUmaFetch } from 'countersign/client'
import { createProtection } from 'countersign/protection'

import { noServer, Server } from './server.mjs'

async function run(name, server) {
  const main = fileURLToPath(new URL(`../examples/${name}/src/main.mjs`, import.meta.url))
  const env = { ...process.env, ISSUER: server.issuer, CLIENT_ID: 'documents', CLIENT_SECRET: 'documents-secret', PORT: '0' }
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return { child, ...JSON.parse(line) }
}

const WORKER = {
  async start(server, protection) {
    const { default: worker } = await import('../examples/worker/src/worker.mjs')
    const id = await protection.ensure({ name: 'document 42', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read', 'write'] })
    const kept = new Map()
    const KEPT = { get: async (key) => kept.get(key) ?? null, put: async (key, value) => void kept.set(key, value) }
    const env = { ISSUER: server.issuer, CLIENT_ID: 'documents', CLIENT_SECRET: 'documents-secret', RESOURCES: JSON.stringify({ 42: id }), KEPT }
    const call = (input, init) => worker.fetch(new Request(input, init), env)
    return { listening: 'http://localhost:1', documents: { 42: id }, fetch: call }
  },
}

for (const name of ['fastify', 'express', 'hono', 'worker']) {
  describe(`the example ${name}`, { skip: noServer }, () => {
    let server, protection, example, umaFetch, send
    before(async () => {
      server = await Server.start()
      protection = createProtection(server.credentials)
      example = name === 'worker' ? await WORKER.start(server, protection) : await run(name, server)
      send = example.fetch ?? fetch
      const token = await server.token('bob')
      umaFetch = createUmaFetch({
        authorizationServers: [{ issuer: server.issuer, origins: [example.listening], token: () => token }],
        fetch: (url, init) => (String(url).startsWith(example.listening) ? send : fetch)(url, init),
      })
    })
    after(async () => {
      if (example?.child !== undefined) {
        example.child.kill('SIGTERM')
        assert.equal((await once(example.child, 'exit'))[0], 0)
      }
      await server?.stop()
    })

    it('sends away with a ticket who has no permission', async () => {
      for (const authorization of [undefined, 'Bearer rubbish', 'Basic x', `Bearer ${await server.token('bob')}`, 'Bearer a, Bearer b']) {
        const answer = await send(`${example.listening}/documents/42`, authorization && { headers: { authorization } })
        assert.equal(answer.status, 401, authorization)
        assert.equal(answer.headers.get('cache-control'), 'no-store')
        assert.equal(answer.headers.get('access-control-expose-headers'), 'WWW-Authenticate')
        assert.match(answer.headers.get('www-authenticate'), new RegExp(`^UMA realm="documents",as_uri="${server.issuer}",ticket="[^"]+"$`))
        assert.deepEqual(await answer.json(), { error: 'permission_required' })
      }
    })

    it('denies where it knows no resource, without a ticket', async () => {
      const answer = await send(`${example.listening}/documents/nothing`)
      assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [403, null])
    })

    it('serves whom the owner lets', async () => {
      await assert.rejects(umaFetch(`${example.listening}/documents/42`), { code: 'request_submitted' })
      for await (const { id } of protection.tickets.list({ resourceId: example.documents['42'], granted: false })) await protection.tickets.grant(id)
      const answer = await umaFetch(`${example.listening}/documents/42`)
      assert.equal(answer.status, 200)
      const { id, reader } = await answer.json()
      assert.equal(id, '42')
      assert.equal(typeof reader, 'string')
      assert.equal((await send(`${example.listening}/documents/42`)).status, 401, 'nobody else')
    })

    if (name !== 'worker') {
      it('lets nobody write who may read', async () => {
        const change = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"text":"Another."}' }
        await assert.rejects(umaFetch(`${example.listening}/documents/42`, change), { code: 'request_submitted' })
        for await (const { id } of protection.tickets.list({ resourceId: example.documents['42'], granted: false })) await protection.tickets.grant(id)
        assert.equal((await umaFetch(`${example.listening}/documents/42`, change)).status, 204)
        assert.equal((await (await umaFetch(`${example.listening}/documents/42`)).json()).text, 'Another.')
      })

      it('says so where the authorization server is away', async () => {
        await server.stop()
        const answer = await send(`${example.listening}/documents/42`)
        assert.equal(answer.status, 403)
        assert.equal(answer.headers.get('warning'), '199 - "UMA Authorization Server Unreachable"')
        assert.equal(answer.headers.get('www-authenticate'), null)
      })
    }
  })
}
