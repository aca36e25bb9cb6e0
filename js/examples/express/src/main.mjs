// Documents that Alice shares, behind Express.
import { createUma } from 'countersign/express'
import express from 'express'

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

const app = express()
const resource = (request) => documents.get(request.params.id)?.resourceId

app.get('/documents/:id', uma.protect({ scopes: ['read'], resource }), ({ params, uma }, response) => {
  response.json({ id: params.id, text: documents.get(params.id).text, reader: uma.rpt.sub })
})
app.put('/documents/:id', uma.protect({ scopes: ['write'], resource }), express.json(), ({ params, body }, response) => {
  documents.get(params.id).text = body.text
  response.status(204).end()
})

const server = app.listen(Number(port), host, () => {
  const listening = `http://${host}:${server.address().port}`
  console.log(JSON.stringify({ listening: listening, documents: Object.fromEntries([...documents].map(([id, { resourceId }]) => [id, resourceId])) }))
})
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close(() => process.exit(0)))
