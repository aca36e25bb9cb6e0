// A real HTTP server that acts as an issuer: metadata, keys, and whatever else a test adds.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'

import { sign } from './signer.mjs'

const KINDS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  EdDSA: ['ed25519', {}],
}

export class Issuer {
  keys = []
  requests = []
  /** Answers beside those of an issuer: path to a function of request and body */
  routes = new Map()
  now = 1_800_000_000
  #server = createServer((request, response) => this.#answer(request, response))
  #pairs = new Map()

  static async start(algorithms = ['EdDSA']) {
    const issuer = new Issuer()
    await once(issuer.#server.listen(0, '127.0.0.1'), 'listening')
    issuer.url = `http://127.0.0.1:${issuer.#server.address().port}/realms/demo`
    for (const alg of algorithms) issuer.addKey(alg)
    return issuer
  }

  /** Makes a key and publishes it, unless it is to stay unknown. */
  addKey(alg, kid = alg, { isPublished = true } = {}) {
    const [type, options] = KINDS[alg]
    const pair = generateKeyPairSync(type, options)
    this.#pairs.set(kid, { ...pair, alg })
    if (isPublished) this.publish(kid)
  }

  publish(kid) {
    const { publicKey, alg } = this.#pairs.get(kid)
    this.keys.push({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' })
  }

  claims(more = {}) {
    return {
      exp: this.now + 300, iat: this.now, jti: 'onrtna:1', iss: this.url, aud: 'documents', sub: 'bob', typ: 'Bearer',
      azp: 'reader', authorization: { permissions: [{ rsid: '42', rsname: 'document 42', scopes: ['read'] }] }, ...more,
    }
  }

  token(more, kid = this.keys[0].kid, header = {}) {
    const { privateKey, alg } = this.#pairs.get(kid)
    return sign(this.claims(more), privateKey, { alg, kid, ...header })
  }

  /** Anything else that it signs */
  sign(claims, header, kid = this.keys[0].kid) {
    const { privateKey, alg } = this.#pairs.get(kid)
    return sign(claims, privateKey, { alg, kid, ...header })
  }

  /** What its metadata say unless a test says otherwise */
  get metadata() {
    return {
      issuer: this.url,
      jwks_uri: `${this.url}/protocol/openid-connect/certs`,
      token_endpoint: `${this.url}/protocol/openid-connect/token`,
      introspection_endpoint: `${this.url}/protocol/openid-connect/token/introspect`,
      resource_registration_endpoint: `${this.url}/authz/protection/resource_set`,
      permission_endpoint: `${this.url}/authz/protection/permission`,
    }
  }

  /** Options of a guard that lives in this issuer's time */
  get guardOptions() {
    return { issuer: this.url, audience: 'documents', clock: () => this.now * 1_000 }
  }

  count(path) {
    return this.requests.filter((url) => url.endsWith(path)).length
  }

  /** Resolves when nobody is connected any more but those who keep a connection idle. */
  async drained() {
    this.#server.closeIdleConnections()
    for (;;) {
      const count = await new Promise((resolve, reject) => this.#server.getConnections((error, n) => (error ? reject(error) : resolve(n))))
      if (count === 0) return
      this.#server.closeIdleConnections()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async stop() {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request, response) {
    this.requests.push(request.url)
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const path = request.url.split('?')[0].replace('/realms/demo', '')
    const route = this.routes.get(path)
    if (route !== undefined) {
      const answer = await route(request, Buffer.concat(chunks).toString())
      // A route that answers with a function writes for itself, or does not.
      if (typeof answer === 'function') return answer(response)
      const [status, body, headers = {}] = answer
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
    } else if (path === '/.well-known/uma2-configuration') {
      response.end(JSON.stringify(this.metadata))
    } else if (path === '/protocol/openid-connect/certs') {
      response.end(JSON.stringify({ keys: this.keys }))
    } else {
      response.writeHead(404).end('{}')
    }
  }
}
