// Documents that Alice shares, behind Hono.
import { serve } from '@hono/node-server'
import { createUma } from 'countersign/hono'
import { Hono } from 'hono'

const { ISSUER: issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, PORT: port = '3000', HOST: host = '127.0.0.1' } = process.env
if (!issuer || !clientId || !clientSecret) {
  console.error('ISSUER, CLIENT_ID and CLIENT_SECRET have to be set')
  process.exit(2)
}

const uma = await createUma({ issuer, clientId, clientSecret })
const documents = new Map([['42', { text: 'The answer.' }], ['43', { text: 'What comes after the answer.' }]])
for (const [id, document] of documents) {
  document.resourceId = await uma.protection.ensure({
    name: `document ${id}`, owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read', 'write'], uris: [`/documents/${id}`],
  })
}

const app = new Hono()
const resource = (c) => documents.get(c.req.param('id'))?.resourceId

app.get('/documents/:id', uma.protect({ scopes: ['read'], resource }), (c) => {
  const id = c.req.param('id')
  return c.json({ id, text: documents.get(id).text, reader: c.get('uma').rpt.sub })
})
app.put('/documents/:id', uma.protect({ scopes: ['write'], resource }), async (c) => {
  documents.get(c.req.param('id')).text = (await c.req.json()).text
  return c.body(null, 204)
})

const server = serve({ fetch: app.fetch, hostname: host, port: Number(port) }, (address) => {
  const listening = `http://${host}:${address.port}`
  console.log(JSON.stringify({ listening: listening, documents: Object.fromEntries([...documents].map(([id, { resourceId }]) => [id, resourceId])) }))
})
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close(() => process.exit(0)))
