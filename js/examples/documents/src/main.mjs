// A server of documents that belong to Alice. Whoever wants one has to show a token that Alice's shares permit.
//
//   ISSUER=http://localhost:8080/realms/demo CLIENT_ID=documents CLIENT_SECRET=… PORT=0 npm start
import { createGuard } from 'countersign'
import { createProtection } from 'countersign/protection'

import { createServer } from './server.mjs'

const DOCUMENTS = new Map([
  ['42', { owner: 'alice', text: 'The answer.' }],
  ['43', { owner: 'alice', text: 'What comes after the answer.' }],
])

const { ISSUER: issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, PORT: port = '3000', HOST: host = '127.0.0.1' } = process.env
if (!issuer || !clientId || !clientSecret) {
  console.error('ISSUER, CLIENT_ID and CLIENT_SECRET have to be set')
  process.exit(2)
}

try {
  const protection = createProtection({ issuer, clientId, clientSecret })
  for (const [id, document] of DOCUMENTS) {
    document.resource = await protection.ensure({
      name: `document ${id}`,
      type: `urn:${clientId}:resources:document`,
      owner: document.owner,
      ownerManagedAccess: true,
      resource_scopes: ['read', 'write'],
      uris: [`/documents/${id}`],
    })
  }
  const guard = await createGuard({ issuer, audience: clientId })
  const server = createServer({ documents: DOCUMENTS, guard, protection, issuer })
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close().then(() => process.exit(0)))
  const listening = await server.listen({ host, port: Number(port) })
  const documents = Object.fromEntries([...DOCUMENTS].map(([id, { resource }]) => [id, resource]))
  console.log(JSON.stringify({ listening, documents }))
} catch (error) {
  console.error(`cannot start: ${error.message}`)
  process.exit(1)
}
