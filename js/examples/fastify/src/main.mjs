// Documents that Alice shares, behind Fastify.
import { createUma } from 'countersign/fastify'
import Fastify from 'fastify'

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

const server = Fastify()
const resource = (request) => documents.get(request.params.id)?.resourceId

server.get('/documents/:id', { onRequest: uma.protect({ scopes: ['read'], resource }) }, async ({ params, uma }) => ({
  id: params.id, text: documents.get(params.id).text, reader: uma.rpt.sub,
}))
server.put('/documents/:id', { onRequest: uma.protect({ scopes: ['write'], resource }) }, async ({ params, body }, reply) => {
  documents.get(params.id).text = body.text
  return reply.code(204).send()
})

const listening = await server.listen({ host, port: Number(port) })
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close().then(() => process.exit(0)))
console.log(JSON.stringify({ listening: listening, documents: Object.fromEntries([...documents].map(([id, { resourceId }]) => [id, resourceId])) }))
