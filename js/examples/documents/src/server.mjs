import { challenge, UNREACHABLE_WARNING } from 'countersign'
import Fastify from 'fastify'

/** The routes. Each request is decided here, by the token it brings; nobody else is asked. */
export function createServer({ documents, guard, protection, issuer }) {
  const server = Fastify({ bodyLimit: 64 * 1024 })
  server.decorateRequest('document', null)

  /** Lets a request through whose token permits this scope on the document, and answers all others. */
  const permit = (scope) => async (request, reply) => {
    const document = documents.get(request.params.id)
    if (document === undefined) return reply.code(404).send({ error: 'not_found' })
    const token = /^Bearer ([^ ,]+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const answer = await guard.check({ token, resource: document.resource, scopes: [scope] })
    if (!answer.permitted) return refuse(reply, document, scope)
    request.document = document
  }

  /** Not enough: sends the client to the authorization server, with a ticket for just this (UMA Grant §3.2). */
  async function refuse(reply, { resource }, scope) {
    reply.header('cache-control', 'no-store').header('access-control-expose-headers', 'WWW-Authenticate')
    try {
      const ticket = await protection.requestTicket([{ resource, scopes: [scope] }])
      reply.header('www-authenticate', challenge({ realm: 'documents', as_uri: issuer, ticket }))
      return reply.code(401).send({ error: 'permission_required' })
    } catch (error) {
      server.log.error(error)
      return reply.code(403).header('warning', UNREACHABLE_WARNING).send({ error: 'authorization_server_unreachable' })
    }
  }

  server.get('/documents/:id', { onRequest: permit('read') }, async ({ params, document }) => ({
    id: params.id,
    text: document.text,
  }))

  const body = { type: 'object', required: ['text'], additionalProperties: false, properties: { text: { type: 'string' } } }
  server.put('/documents/:id', { onRequest: permit('write'), schema: { body } }, async (request, reply) => {
    request.document.text = request.body.text
    return reply.code(204).send()
  })

  return server
}
