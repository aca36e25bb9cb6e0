import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID, createHash } from 'node:crypto'
import { after, describe, it } from 'node:test'

import { createGuard } from 'countersign'

import { Issuer } from './issuer.mjs'
import { sign } from './signer.mjs'

const READ = { resource: '42', scopes: ['read'] }
const CERTS = '/protocol/openid-connect/certs'
const INTROSPECT = '/protocol/openid-connect/token/introspect'

const started = []
after(() => Promise.all(started.map((issuer) => issuer.stop())))
async function start(options = {}) {
  const issuer = await Issuer.start()
  started.push(issuer)
  return { issuer, guard: await createGuard({ ...issuer.guardOptions, ...options }) }
}

describe('checkAll', () => {
  it('answers in order, each as check would', async () => {
    const { issuer, guard } = await start()
    const [token, other] = [issuer.token(), issuer.token({ sub: 'carol', authorization: { permissions: [{ rsid: '43' }] } })]
    const answers = await guard.checkAll([
      { token, ...READ }, { token, resource: '43' }, { token: other, resource: '43' }, { token: undefined, ...READ },
      { token, resource: '42', scopes: ['write'] },
    ])
    assert.deepEqual(answers.map((answer) => answer.code ?? answer.rpt.sub), ['bob', 'not_permitted', 'carol', 'invalid_token', 'not_permitted'])
    assert.deepEqual(await guard.checkAll([]), [])
  })
})

describe('exported state', () => {
  it('lets another guard start warm, with the server down', async () => {
    const { issuer, guard } = await start()
    const state = JSON.parse(JSON.stringify(guard.exportState()))
    issuer.routes.set(CERTS, () => [503, {}])
    const warm = await createGuard({ ...issuer.guardOptions, state })
    assert.equal((await warm.check({ token: issuer.token(), ...READ })).permitted, true)
    assert.equal(issuer.count(CERTS), 1, 'nothing was fetched')
  })

  it('goes on ageing', async () => {
    const { issuer, guard } = await start()
    const state = guard.exportState()
    issuer.routes.set(CERTS, () => [503, {}])
    issuer.now += 3_601
    const stale = await createGuard({ ...issuer.guardOptions, state })
    assert.equal((await stale.check({ token: issuer.token(), ...READ })).code, 'keys_unavailable')
    // Nor does a fetch in the future count.
    issuer.now -= 7_200
    const early = await createGuard({ ...issuer.guardOptions, state })
    assert.equal((await early.check({ token: issuer.token(), ...READ })).code, 'keys_unavailable')
  })

  it('that does not fit is passed over', async () => {
    const { issuer, guard } = await start()
    const state = guard.exportState()
    for (const bad of [
      { ...state, issuer: 'https://other.example' }, { ...state, version: 2 }, { ...state, jwks: '<html>' }, {},
      { ...state, fetchedAt: 'now' }, { ...state, jwks: undefined }, { ...state, jwksUri: 'http://keys.example/' },
    ]) {
      const before = issuer.count(CERTS)
      const cold = await createGuard({ ...issuer.guardOptions, state: bad })
      assert.equal(issuer.count(CERTS), before + 1, 'the keys were fetched')
      assert.equal((await cold.check({ token: issuer.token(), ...READ })).permitted, true)
    }
  })

  it('is looked for where the metadata say, when the keys have moved', async () => {
    const { issuer, guard } = await start()
    issuer.routes.set(CERTS, () => [404, {}])
    issuer.routes.set('/elsewhere', () => [200, { keys: issuer.keys }])
    issuer.routes.set('/.well-known/uma2-configuration', () => [200, { issuer: issuer.url, jwks_uri: `${issuer.url}/elsewhere` }])
    issuer.addKey('EdDSA', 'next')
    for (const want of ['unknown_key', undefined]) {
      issuer.now += 31
      assert.equal((await guard.check({ token: issuer.token({}, 'next'), ...READ })).code, want)
    }
    assert.equal(guard.exportState().jwksUri, `${issuer.url}/elsewhere`)
  })

  it('is none where there are no keys', async () => {
    const issuer = await Issuer.start()
    started.push(issuer)
    issuer.routes.set(CERTS, () => [503, {}])
    assert.equal((await createGuard(issuer.guardOptions)).exportState(), undefined)
  })

  it('a renewal behind the back is handed to waitUntil', async () => {
    const work = []
    const { issuer, guard } = await start({ waitUntil: (promise) => work.push(promise) })
    await guard.check({ token: issuer.token(), ...READ })
    issuer.now += 601
    await guard.check({ token: issuer.token(), ...READ })
    assert.equal(work.length, 1)
    await work[0]
    assert.equal(issuer.count(CERTS), 2)
  })
})

describe('a fresh answer', () => {
  const credentials = { introspection: { clientId: 'documents', clientSecret: 's e:cret' } }
  const active = (permissions) => [200, { active: true, permissions }]

  it('is what introspection says now', async () => {
    const { issuer, guard } = await start(credentials)
    const token = issuer.token({ authorization: { permissions: [{ rsid: '42', scopes: ['read', 'write'] }] } })
    let asked
    issuer.routes.set(INTROSPECT, (request, body) => {
      asked = { authorization: request.headers.authorization, body: Object.fromEntries(new URLSearchParams(body)) }
      return active([{ resource_id: '42', resource_scopes: ['read'] }])
    })
    const answer = await guard.check({ token, ...READ, fresh: true })
    assert.equal(answer.permitted, true, answer.message)
    assert.deepEqual(answer.permission.scopes, ['read'])
    assert.equal(answer.rpt.sub, 'bob')
    assert.equal(asked.authorization, `Basic ${Buffer.from('documents:s+e%3Acret').toString('base64')}`)
    assert.deepEqual(asked.body, { token, token_type_hint: 'requesting_party_token' })
    assert.equal((await guard.check({ token, resource: '42', scopes: ['write'], fresh: true })).code, 'not_permitted')
    assert.equal((await guard.check({ token, resource: '42', scopes: ['write'] })).permitted, true, 'not fresh')
    assert.equal(guard.checkSync({ token, ...READ, fresh: true }), undefined)
    const { permissions } = await guard.explain({ token, ...READ, fresh: true })
    assert.deepEqual(permissions, [{ rsid: '42', scopes: ['read'] }])
  })

  it('of a token that is not active any more is withdrawn', async () => {
    const { issuer, guard } = await start(credentials)
    issuer.routes.set(INTROSPECT, () => [200, { active: false }])
    assert.equal((await guard.check({ token: issuer.token(), ...READ, fresh: true })).code, 'withdrawn')
    issuer.routes.set(INTROSPECT, () => active([]))
    assert.equal((await guard.check({ token: issuer.token(), ...READ, fresh: true })).code, 'not_permitted')
  })

  it('that cannot be had is a no', async () => {
    const { issuer, guard } = await start({ ...credentials, timeout: 1_000 })
    const answers = {
      '401': () => [401, { error: 'unauthorized_client' }], '500': () => [500, ''], 'HTML': () => [200, '<html>'],
      'hangs': () => () => {}, 'closes': () => (response) => response.destroy(), 'redirect': () => [302, '', { location: '/' }],
      'no active': () => [200, {}], 'active as text': () => [200, { active: 'true', permissions: [{ rsid: '42', scopes: ['read'] }] }],
      'active twice': () => [200, '{"active":false,"active":true,"permissions":[{"rsid":"42","scopes":["read"]}]}'],
      'huge': () => [200, JSON.stringify({ active: true, x: 'x'.repeat(1_000_000) })],
    }
    for (const [name, route] of Object.entries(answers)) {
      issuer.routes.set(INTROSPECT, route)
      assert.equal((await guard.check({ token: issuer.token(), ...READ, fresh: true })).code, 'status_unavailable', name)
    }
  })

  it('is not asked for with a token that is no good, nor without credentials', async () => {
    const { issuer, guard } = await start(credentials)
    assert.equal((await guard.check({ token: `${issuer.token().slice(0, -8)}AAAAAAAA`, ...READ, fresh: true })).code, 'invalid_signature')
    assert.equal((await guard.check({ token: undefined, ...READ, fresh: true })).code, 'invalid_token')
    assert.equal(issuer.count(INTROSPECT), 0)
    const { issuer: theirs, guard: poor } = await start()
    assert.equal((await poor.check({ token: theirs.token(), ...READ, fresh: true })).code, 'status_unavailable')
  })

  it('is asked for many at once, and each gets its own', async () => {
    const { issuer, guard } = await start(credentials)
    issuer.routes.set(INTROSPECT, (_, body) => {
      const { sub } = JSON.parse(Buffer.from(new URLSearchParams(body).get('token').split('.')[1], 'base64url'))
      return active([{ rsid: sub, scopes: ['read'] }])
    })
    const names = Array.from({ length: 50 }, (_, n) => `user-${n}`)
    const answers = await Promise.all(names.map((sub) => guard.check({ token: issuer.token({ sub }), resource: sub, scopes: ['read'], fresh: true })))
    assert.deepEqual(answers.map((answer) => answer.rpt?.sub), names)
  })
})

describe('a token bound to a key', () => {
  const URL = 'https://files.example/documents/42'
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = pair.publicKey.export({ format: 'jwk' })
  const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  const proofOf = (issuer, token, more = {}, key = pair.privateKey, jwk = { kty, crv, x, y }) => {
    const ath = createHash('sha256').update(token).digest('base64url')
    return sign({ jti: randomUUID(), htm: 'GET', htu: URL, iat: issuer.now, ath, ...more }, key, { alg: 'ES256', typ: 'dpop+jwt', jwk })
  }
  const request = (...proofs) => ({ proofs, method: 'GET', url: URL })

  it('is permitted with its proof, once', async () => {
    const { issuer, guard } = await start({ dpop: true })
    const token = issuer.token({ cnf: { jkt } })
    const dpop = request(proofOf(issuer, token))
    const answer = await guard.check({ token, ...READ, dpop })
    assert.equal(answer.permitted, true, answer.message)
    assert.equal(answer.rpt.sub, 'bob')
    assert.equal(guard.checkSync({ token, ...READ }), undefined, 'it is never kept')
    assert.equal((await guard.check({ token, ...READ, dpop })).code, 'invalid_proof', 'used before')
    assert.equal((await guard.check({ token, ...READ, dpop: request(proofOf(issuer, token)) })).permitted, true)
    assert.equal((await guard.check({ token, resource: '43', dpop: request(proofOf(issuer, token)) })).code, 'not_permitted')
  })

  it('is refused as bearer, and an unbound one with a proof', async () => {
    for (const options of [{}, { dpop: true }]) {
      const { issuer, guard } = await start(options)
      assert.equal((await guard.check({ token: issuer.token({ cnf: { jkt } }), ...READ })).code, 'bound_token')
      const token = issuer.token()
      assert.equal((await guard.check({ token, ...READ })).permitted, true)
      assert.equal((await guard.check({ token, ...READ, dpop: request(proofOf(issuer, token)) })).code, 'bound_token')
    }
  })

  it('is refused with a proof of another request, key, token or time', async () => {
    const { issuer, guard } = await start({ dpop: true })
    const token = issuer.token({ cnf: { jkt } })
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { kty: k, crv: c, x: ox, y: oy } = other.publicKey.export({ format: 'jwk' })
    const good = () => proofOf(issuer, token)
    const cases = {
      'none': [request(), 'invalid_proof'], 'two': [request(good(), good()), 'invalid_proof'],
      'method': [{ ...request(good()), method: 'PUT' }, 'invalid_proof'],
      'url': [{ ...request(good()), url: 'https://files.example/documents/43' }, 'invalid_proof'],
      'no url': [{ ...request(good()), url: 'nowhere' }, 'invalid_proof'],
      'old': [request(proofOf(issuer, token, { iat: issuer.now - 61 })), 'invalid_proof'],
      'ath': [request(proofOf(issuer, issuer.token({ sub: 'x' }))), 'invalid_proof'],
      'signature': [request(proofOf(issuer, token, {}, other.privateKey)), 'invalid_proof'],
      'key': [request(proofOf(issuer, token, {}, other.privateKey, { kty: k, crv: c, x: ox, y: oy })), 'bound_token'],
    }
    for (const [name, [dpop, code]] of Object.entries(cases)) {
      assert.equal((await guard.check({ token, ...READ, dpop })).code, code, name)
    }
  })

  it('is refused where the shared memory of proofs fails', async () => {
    const seen = []
    const { issuer, guard } = await start({ dpop: { isFirst: async (proof, until) => seen.push([proof, until]) === 1 } })
    const token = issuer.token({ cnf: { jkt } })
    assert.equal((await guard.check({ token, ...READ, dpop: request(proofOf(issuer, token)) })).permitted, true)
    assert.equal((await guard.check({ token, ...READ, dpop: request(proofOf(issuer, token)) })).code, 'invalid_proof')
    assert.deepEqual(seen.map(([, until]) => until), [issuer.now + 60, issuer.now + 60])
    const { issuer: theirs, guard: broken } = await start({ dpop: { isFirst: () => Promise.reject(new Error('away')) } })
    const bound = theirs.token({ cnf: { jkt } })
    assert.equal((await broken.check({ token: bound, ...READ, dpop: request(proofOf(theirs, bound)) })).code, 'engine_failed')
  })
})
