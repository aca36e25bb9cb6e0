// The page for those who come from keycloak-connect: its code runs, and its links lead somewhere.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'

import express from 'express'
import * as adapter from 'countersign/express'
import { createProtection } from 'countersign/protection'

import { noServer, Server } from './server.mjs'

const page = await readFile(new URL('../docs/from-keycloak-connect.md', import.meta.url), 'utf8')
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
const ours = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code).filter((code) => code.includes('countersign/express'))
const file = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)[1])

describe('from keycloak-connect', () => {
  it('has links to headings that are there', () => {
    const headings = [...readme.matchAll(/^## (.+)$/gm)].map(([, text]) => text.toLowerCase().replaceAll(/[^\w -]/g, '').replaceAll(' ', '-'))
    for (const [, anchor] of page.matchAll(/\.\.\/README\.md#([\w-]+)/g)) assert.ok(headings.includes(anchor), anchor)
  })

  it('has code that runs', { skip: noServer }, async () => {
    assert.equal(ours.length, 2)
    const server = await Server.start()
    const listening = []
    try {
      const protection = createProtection(server.credentials)
      const resourceId = await protection.ensure({
        name: 'document 42', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read'], uris: ['/documents/42'],
      })
      const keycloakJson = { ...file, 'auth-server-url': `${server.url}/`, credentials: { secret: 'documents-secret' } }
      for (const code of ours) {
        const app = express()
        const body = code.replace(/^import .*$/m, '')
        const AsyncFunction = (async () => {}).constructor
        await new AsyncFunction('app', 'createUma', 'keycloakJson', 'documents', body)(app, adapter.createUma, keycloakJson, new Map([['42', { resourceId }]]))
        const http = app.listen(0, '127.0.0.1')
        listening.push(http)
        await once(http, 'listening')
        const answer = await fetch(`http://127.0.0.1:${http.address().port}/documents/42`)
        assert.equal(answer.status, 401)
        assert.match(answer.headers.get('www-authenticate'), /^UMA /)
      }
    } finally {
      for (const http of listening) {
        http.closeAllConnections()
        http.close()
      }
      await server.stop()
    }
  })
})
