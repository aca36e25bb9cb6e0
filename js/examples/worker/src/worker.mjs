// One document that its owner shares, behind a Worker. Its bindings: ISSUER, CLIENT_ID, CLIENT_SECRET, and RESOURCES, a
// JSON object from document to resource id. Other documents are nobody's. With a KV namespace KEPT, isolates of all data
// centres start warm; without it, those of one.
import { cacheStore, createUma } from 'countersign/worker'

/** One for the isolate, so that the keys are fetched once. */
let started

async function start({ ISSUER: issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, RESOURCES, KEPT }) {
  const uma = await createUma({ issuer, clientId, clientSecret, keep: KEPT ?? cacheStore(caches.default) })
  const resources = new Map(Object.entries(JSON.parse(RESOURCES)))
  const idOf = ({ url }) => /^\/documents\/([^/]+)$/.exec(new URL(url).pathname)?.[1]
  const rule = { scopes: ['read'], resource: (request) => resources.get(idOf(request)) }
  return uma.protect(rule, (request, { rpt }) => Response.json({ id: idOf(request), reader: rpt.sub }))
}

export default {
  async fetch(request, env, context) {
    if (request.method !== 'GET') return new Response(null, { status: 405 })
    started ??= start(env).catch((error) => {
      started = undefined
      throw error
    })
    return (await started)(request, env, context)
  },
}
