// Checks one RPT in Node, first seen and seen before, with few permissions and with many, beside fast-jwt, jose, jsonwebtoken,
// aws-jwt-verify and keycloak-connect in the same process. The peers check the signature and claims, and no permission.
// Prints one JSON array of rows; `budget` is absent where only the peers' figures are of interest.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'

import { JwtVerifier } from 'aws-jwt-verify'
import { createGuard } from 'countersign'
import { createPdp } from 'countersign/pdp'
import { createVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import GrantManager from 'keycloak-connect/middleware/auth-utils/grant-manager.js'
import KeycloakToken from 'keycloak-connect/middleware/auth-utils/token.js'

import { sign } from '../test/signer.mjs'

const ISSUER = 'https://as.example/realms/demo'
const ROUNDS = Number(process.env.ROUNDS ?? 61)
// Engines compile code again that is used often, and of a module each function by itself: all of it has to have come to that.
const WARM_UP = 120
// Longest for one comparison, its warming up included: on a busy machine there are fewer rounds, but at least so many
const SECONDS = Number(process.env.SECONDS ?? 20)
const LEAST = Math.min(ROUNDS, 11)
const BATCH = 50
const KEYS = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
}

const now = Math.floor(Date.now() / 1000)
const claims = (serial, permissions = 1) => ({
  exp: now + 3600, iat: now, jti: `onrtna:${serial}`, iss: ISSUER, aud: 'documents', sub: '8d1f3c0e-5b0a-4a5e-9d3e-2f1f0c6a7b11',
  typ: 'Bearer', azp: 'reader', sid: 'Zk3mC0pJx1cQ2w7v8n5b4m6A', acr: '1', 'allowed-origins': ['http://localhost:3000'],
  realm_access: { roles: ['default-roles-demo', 'offline_access', 'uma_authorization'] },
  resource_access: { account: { roles: ['manage-account', 'manage-account-links', 'view-profile'] } },
  authorization: {
    permissions: Array.from({ length: permissions }, (_, at) => ({ scopes: ['read'], rsid: `7f1c9a52-${42 + at}`, rsname: `document ${42 + at}` })),
  },
  scope: 'email profile', email_verified: false, preferred_username: 'bob',
})

const jwks = { keys: Object.entries(KEYS).map(([alg, { publicKey }]) => ({ ...publicKey.export({ format: 'jwk' }), alg, kid: alg, use: 'sig' })) }
const server = createServer((_, response) => response.end(JSON.stringify(jwks))).listen(0, '127.0.0.1')
await once(server, 'listening')
const jwksUri = `http://127.0.0.1:${server.address().port}/`

/**
 * The medians over many short rounds of the time per call, in microseconds. All take turns in every round with the same
 * tokens, each being first as often as the others, so that a busy machine hits all of them alike; the first rounds only warm up.
 * A contender that says `most` gets no more tokens than that in a round.
 */
async function measure(what, prepare, contenders) {
  console.error(what)
  const times = contenders.map(() => [])
  const begun = performance.now()
  const past = (part) => performance.now() - begun > SECONDS * 1_000 * part
  let warm = 0
  for (; warm < LEAST || (warm < WARM_UP && !past(2 / 3)); warm += 1) await turns(warm)
  for (let round = 0; round < LEAST || (round < ROUNDS && !past(1)); round += 1) {
    for (const [at, time] of await turns(warm + round)) times[at].push(time)
  }
  return times.map((list) => list.sort((a, b) => a - b)[list.length >> 1])

  async function turns(shift) {
    const all = prepare()
    const taken = []
    for (const turn of contenders.keys()) {
      const at = (turn + shift) % contenders.length
      const run = contenders[at]
      const inputs = all.slice(0, run.most)
      const answers = []
      const begin = process.hrtime.bigint()
      for (const input of inputs) answers.push(await run(input))
      taken.push([at, Number(process.hrtime.bigint() - begin) / 1_000 / inputs.length])
      for (const { permitted, message } of answers) if (permitted === false) throw new Error(message)
    }
    return taken
  }
}

const rows = []
const round = (value) => Math.round(value * 100) / 100
for (const [alg, { publicKey, privateKey }] of Object.entries(KEYS)) {
  const guard = await createGuard({ issuer: ISSUER, audience: 'documents', jwksUri })
  const pdp = await createPdp({ issuer: ISSUER, audience: 'documents', keys: jwks })
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const options = { key: pem, algorithms: [alg], allowedIss: ISSUER, allowedAud: 'documents' }
  const plain = createVerifier({ ...options, cache: false })
  const cached = createVerifier({ ...options, cache: true, cacheTTL: 600_000 })
  const imported = await importJWK(publicKey.export({ format: 'jwk' }), alg)
  const joseOptions = { issuer: ISSUER, audience: 'documents', algorithms: [alg] }
  const aws = JwtVerifier.create({ issuer: ISSUER, audience: 'documents', jwksUri })
  aws.cacheJwks(jwks)
  const keycloak = new GrantManager({ realmUrl: ISSUER, clientId: 'documents', verifyTokenAudience: true, publicKey: pem, notBefore: 0 })
  const validate = (token) => keycloak.validateToken(new KeycloakToken(token, 'documents'), 'Bearer')

  let serial = 0
  // As they come from a header: one flat text each.
  const flat = (text) => Buffer.from(text).toString('latin1')
  const fresh = () => Array.from({ length: BATCH }, () => flat(sign(claims((serial += 1)), privateKey, { alg, kid: alg })))
  const same = sign(claims('same'), privateKey, { alg, kid: alg })
  const again = () => Array.from({ length: BATCH * 40 }, () => same)
  const ask = (token) => guard.check({ token, resource: '7f1c9a52-42', scopes: ['read'] })
  const inside = (token) => pdp.check({ token, resource: '7f1c9a52-42', scopes: ['read'] })
  // RSA in WebAssembly takes milliseconds.
  inside.most = 5
  const others = {
    'fast-jwt': (token) => plain(token),
    jose: (token) => jwtVerify(token, imported, joseOptions),
    'aws-jwt-verify': (token) => aws.verifySync(token),
    // These two know no EdDSA, and keycloak-connect RS256 alone.
    ...(alg === 'EdDSA' ? {} : { jsonwebtoken: (token) => jsonwebtoken.verify(token, pem, { algorithms: [alg], issuer: ISSUER, audience: 'documents' }) }),
    ...(alg === 'RS256' ? { 'keycloak-connect': validate } : {}),
  }
  const [first, firstInside, ...peers] = await measure(`first seen, ${alg}`, fresh, [ask, inside, ...Object.values(others)])
  const times = Object.fromEntries(Object.keys(others).map((name, at) => [name, peers[at]]))
  const [seen, seenFast] = await measure(`seen before, ${alg}`, again, [ask, (token) => cached(token)])
  const row = { unit: 'µs', higher_is_better: false }
  rows.push(
    ...Object.entries(times).map(([peer, time]) => ({
      name: `RPT check in Node, first seen, ${alg}`, value: round(first), ...row,
      ...(alg === 'RS256' && peer === 'fast-jwt' ? { budget: round(time * 1.1) } : {}), peer, peer_value: round(time),
    })),
    { name: `RPT check inside pdp.wasm, first seen, ${alg}`, value: round(firstInside), ...row, peer: 'fast-jwt', peer_value: round(times['fast-jwt']) },
    {
      name: `RPT check in Node, seen before, ${alg}`, value: round(seen), ...row, budget: 2, peer: 'fast-jwt, cached',
      peer_value: round(seenFast),
    },
  )
}
// How the number of permissions counts: one is asked for that stands in the middle.
for (const size of [1, 50, 1_000]) {
  const guard = await createGuard({ issuer: ISSUER, audience: 'documents', jwksUri })
  const { privateKey, publicKey } = KEYS.ES256
  const plain = createVerifier({ key: publicKey.export({ type: 'spki', format: 'pem' }), algorithms: ['ES256'], cache: false })
  const resource = `7f1c9a52-${42 + (size >> 1)}`
  const flat = (text) => Buffer.from(text).toString('latin1')
  let serial = 0
  const fresh = () => Array.from({ length: size > 100 ? 5 : BATCH }, () => flat(sign(claims(`${size}-${(serial += 1)}`, size), privateKey, { alg: 'ES256', kid: 'ES256' })))
  const same = sign(claims('same', size), privateKey, { alg: 'ES256', kid: 'ES256' })
  const ask = (token) => guard.check({ token, resource, scopes: ['read'] })
  const [first, peer] = await measure(`first seen, permissions: ${size}`, fresh, [ask, (token) => plain(token)])
  const [seen] = await measure(`seen before, permissions: ${size}`, () => Array.from({ length: BATCH * 40 }, () => same), [ask])
  const row = { unit: 'µs', higher_is_better: false }
  rows.push(
    { name: `RPT check in Node, first seen, ES256, permissions: ${size}`, value: round(first), ...row, peer: 'fast-jwt', peer_value: round(peer) },
    { name: `RPT check in Node, seen before, permissions: ${size}`, value: round(seen), ...row, budget: 2 },
  )
}
server.close()
console.log(JSON.stringify(rows, null, 2))
