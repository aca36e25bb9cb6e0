// One app for everything: its people sign in elsewhere and come with their access token. Whoever may not read a document asks
// its owner in the app, and the owner answers in the app. The app keeps no permission itself.
//
//   ISSUER=http://localhost:8080/realms/demo CLIENT_ID=documents CLIENT_SECRET=… PORT=0 npm start
import { createGuard } from 'countersign'
import { createProtection } from 'countersign/protection'
import Fastify from 'fastify'

const { ISSUER: issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, PORT: port = '3000', HOST: host = '127.0.0.1' } = process.env
if (!issuer || !clientId || !clientSecret) {
  console.error('ISSUER, CLIENT_ID and CLIENT_SECRET have to be set')
  process.exit(2)
}

const protection = createProtection({ issuer, clientId, clientSecret })
const guard = await createGuard({ issuer, audience: clientId })
const documents = new Map([['42', { owner: 'alice', text: 'The answer.' }]])
for (const [id, document] of documents) {
  document.resourceId = await protection.ensure({
    name: `document ${id}`, owner: document.owner, ownerManagedAccess: true, resource_scopes: ['read'], uris: [`/documents/${id}`],
  })
}

/** Who is signed in: the authorization server says it of the token that came (OpenID Connect Core §5.3). */
async function personOf({ headers }) {
  const token = /^Bearer ([^ ,]+)$/i.exec(headers.authorization ?? '')?.[1]
  if (token === undefined) return undefined
  const answer = await fetch(`${issuer}/protocol/openid-connect/userinfo`, { headers: { authorization: `Bearer ${token}` } })
  if (answer.status === 401) return undefined
  if (!answer.ok) throw new Error(`the authorization server answered ${answer.status}`)
  const { sub, preferred_username: name } = await answer.json()
  return { token, sub, name }
}

const server = Fastify()
server.decorateRequest('person', null)
server.addHook('onRequest', async (request, reply) => {
  request.person = await personOf(request)
  if (request.person === undefined) return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'sign_in' })
})
server.setErrorHandler((error, request, reply) => reply.code(error.statusCode ?? 503).send({ error: 'not_now' }))

/** Asks for a token with just this permission in the person's name, and believes it only if the guard does. */
server.get('/documents/:id', async ({ params, person }, reply) => {
  const document = documents.get(params.id)
  if (document === undefined) return reply.code(404).send({ error: 'not_found' })
  const wanted = { resource: document.resourceId, scopes: ['read'] }
  const token = await protection.requestToken(person.token, [wanted])
  const answer = await guard.check({ token, ...wanted })
  if (!answer.permitted) return reply.code(403).send({ error: 'ask', ask: `/documents/${params.id}/requests` })
  return { id: params.id, text: document.text, permitted: answer.permission.scopes }
})

/** A person asks the owner. */
server.post('/documents/:id/requests', async ({ params, person }, reply) => {
  const document = documents.get(params.id)
  if (document === undefined) return reply.code(404).send({ error: 'not_found' })
  await protection.tickets.create({ resource: document.resourceId, scopeName: 'read', requester: person.sub, granted: false })
  return reply.code(202).send({ asked: document.owner })
})

const ownedBy = (person) => [...documents].filter(([, { owner }]) => owner === person.name)

/** What others ask an owner for, and what the owner has shared */
server.get('/requests', async ({ person }) => {
  const found = []
  for (const [document, { resourceId }] of ownedBy(person)) {
    for await (const { id, requesterName, scopeName, granted } of protection.tickets.list({ resourceId, returnNames: true })) {
      found.push({ id, document, requester: requesterName, scope: scopeName, granted })
    }
  }
  return found
})

/** Finds a request of this owner, and does something with it; others' are not there. */
const answered = (act) => async ({ params, person }, reply) => {
  for (const [, { resourceId }] of ownedBy(person)) {
    for await (const { id } of protection.tickets.list({ resourceId })) if (id === params.id) return act(id).then(() => reply.code(204).send())
  }
  return reply.code(404).send({ error: 'not_found' })
}
server.put('/requests/:id', answered((id) => protection.tickets.grant(id)))
server.delete('/requests/:id', answered((id) => protection.tickets.remove(id)))

const listening = await server.listen({ host, port: Number(port) })
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    guard.close()
    await server.close()
    process.exit(0)
  })
}
console.log(JSON.stringify({ listening, documents: Object.fromEntries([...documents].map(([id, { resourceId }]) => [id, resourceId])) }))
