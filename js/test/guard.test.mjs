import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'

import { allowInsecureRequests, createGuard, DENIAL_CODES } from 'countersign'

import { engine } from '../dist/engine.js'
import { Issuer } from './issuer.mjs'

const READ = { resource: '42', scopes: ['read'] }
const CERTS = '/protocol/openid-connect/certs'

/** An issuer and its guard; both end with the tests. */
const started = []
async function start(algorithms, options = {}) {
  const issuer = await Issuer.start(algorithms)
  started.push(issuer)
  return { issuer, guard: await createGuard({ ...issuer.guardOptions, ...options }) }
}
after(() => Promise.all(started.map((issuer) => issuer.stop())))

describe('check', () => {
  it('shows a permission as the token has it, whatever it is asked for', async () => {
    const { issuer, guard } = await start()
    const long = 'a name as long as anybody could want it, or longer, which nobody reads letter by letter'
    for (const permission of [
      { rsid: '42', rsname: 'document 42', scopes: ['read'] },
      { rsid: '42', rsname: 'document 42', scopes: ['print', 'read', 'write'] },
      { rsid: '42', scopes: ['read'] },
      { rsid: '42', rsname: '', scopes: ['read'] },
      { rsid: '42', rsname: 'Dokument é ✓', scopes: ['read', 'schön'] },
      { rsid: '42', rsname: long, scopes: ['read'] },
      { rsid: '42', rsname: 'two\0parts', scopes: ['read'] },
      { rsid: '42', rsname: 'owned', rsowned: true, scopes: ['read'] },
      { rsid: '42', scopes: ['read'], claims: { org: ['a'] }, exp: issuer.now + 60, nbf: issuer.now - 60 },
      { rsid: 'Straße', rsname: 'street', scopes: ['read'] },
    ]) {
      const token = issuer.token({ authorization: { permissions: [permission] } })
      for (const scopes of [['read'], [], ['read', 'read']]) {
        const answer = await guard.check({ token, resource: permission.rsid, scopes })
        assert.deepEqual(answer.permission, permission, JSON.stringify(answer))
      }
    }
    const token = issuer.token({ authorization: { permissions: [{ rsid: '42' }] } })
    assert.deepEqual((await guard.check({ token, resource: '42' })).permission, { rsid: '42' })
  })

  it('takes no text for two, and none that is too long', async () => {
    const { issuer, guard } = await start()
    const permissions = [{ rsid: '42', scopes: ['read', 'write'] }, { rsid: 'x', rsname: '', rsowned: true }]
    const token = issuer.token({ authorization: { permissions } })
    for (const request of [
      { resource: '42\0read', scopes: [] },
      { resource: '42\0read', scopes: ['write'] },
      { resource: '42', scopes: ['read\0write'] },
      { resource: '42', scopes: ['\0'] },
      { resource: '42\0', scopes: [] },
      { resource: '42', scopes: [''] },
      { resource: '', scopes: [] },
      { resource: 'x'.repeat(200_000), scopes: [] },
      { resourceName: 'x'.repeat(200_000), scopes: [] },
      { resource: '42', scopes: ['x'.repeat(200_000)] },
    ]) {
      assert.equal((await guard.check({ token, ...request })).code, 'not_permitted', JSON.stringify(request).slice(0, 80))
    }
    for (const scopes of [[1], [null], [['read']], [{}]]) {
      assert.equal((await guard.check({ token, resource: '42', scopes })).code, 'engine_failed', JSON.stringify(scopes))
    }
    assert.equal((await guard.check({ token, resource: '42', scopes: ['read', 'write'] })).permitted, true)
  })

  for (const alg of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']) {
    it(`permits what a token of ${alg} permits`, async () => {
      const { issuer, guard } = await start([alg])
      const token = issuer.token()
      const answer = await guard.check({ token, ...READ })
      assert.equal(answer.permitted, true, answer.message)
      assert.deepEqual(answer.permission, { rsid: '42', rsname: 'document 42', scopes: ['read'] })
      assert.deepEqual(answer.rpt, issuer.claims())
      assert.equal((await guard.check({ token, resource: '42', scopes: ['write'] })).code, 'not_permitted')
      const broken = `${token.slice(0, -5)}${token.at(-5) === 'A' ? 'B' : 'A'}${token.slice(-4)}`
      assert.equal((await guard.check({ token: broken, ...READ })).code, 'invalid_signature')
    })
  }

  it('denies without a token, a resource or a list of scopes', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token()
    for (const none of [undefined, '', null, 42]) {
      assert.equal((await guard.check({ token: none, ...READ })).code, 'invalid_token')
    }
    for (const request of [
      {}, { resource: undefined }, { resource: null }, { resource: 42 }, { resource: ['42'] },
      { resource: '42', resourceName: 'document 42' }, { resource: '42', scopes: 'read' }, { resource: '42', scopes: null },
    ]) {
      const answer = await guard.check({ token, ...request })
      assert.deepEqual([answer.permitted, answer.code], [false, 'not_permitted'], JSON.stringify(request))
    }
    assert.equal((await guard.check({ token, resource: '42' })).permitted, true, 'any permission on it')
  })

  it('permits by name only what the resource server owns', async () => {
    const { issuer, guard } = await start()
    const owned = { rsid: '7', rsname: 'front page', rsowned: true, scopes: ['read'] }
    const token = issuer.token({ authorization: { permissions: [...issuer.claims().authorization.permissions, owned] } })
    const named = async (resourceName) => (await guard.check({ token, resourceName, scopes: ['read'] })).permitted
    assert.equal(await named('front page'), true)
    assert.equal(await named('document 42'), false)
    assert.equal(await named('7'), false)
    assert.equal((await guard.check({ token, resource: 'front page', scopes: ['read'] })).permitted, false)
  })

  it('says expired as soon as a token has, seen before or not', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token()
    issuer.now += 300
    assert.equal((await guard.check({ token, ...READ })).permitted, true)
    issuer.now += 1
    assert.equal((await guard.check({ token, ...READ })).code, 'expired')
    assert.equal((await guard.check({ token, ...READ })).code, 'expired')
  })

  it('refuses tokens of others and for others', async () => {
    const { issuer, guard } = await start()
    const refused = async (more, header) => (await guard.check({ token: issuer.token(more, undefined, header), ...READ })).code
    assert.equal(await refused({ iss: 'https://evil.example' }), 'wrong_issuer')
    assert.equal(await refused({ aud: 'other' }), 'wrong_audience')
    assert.equal(await refused({ typ: 'ID' }), 'invalid_token')
    assert.equal(await refused({ cnf: { jkt: 'x' } }), 'bound_token')
    assert.equal(await refused({}, { kid: 'nobody' }), 'unknown_key')
    assert.equal((await guard.check({ token: 'é'.repeat(50), ...READ })).code, 'invalid_token')
    assert.equal((await guard.check({ token: 'a'.repeat(600_000), ...READ })).code, 'invalid_token')
  })
})

describe('tokens seen before', () => {
  it('are answered at once, others are not', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token()
    assert.equal(guard.checkSync({ token, ...READ }), undefined)
    await guard.check({ token, ...READ })
    assert.equal(guard.checkSync({ token, ...READ }).permitted, true)
    assert.equal(guard.checkSync({ token, resource: '43' }).code, 'not_permitted')
    assert.equal(guard.checkSync({ token: undefined, ...READ }), undefined)
  })

  it('are known by all of their text, not by its end', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token()
    await guard.check({ token, ...READ })
    const [header, , signature] = token.split('.')
    const claims = { ...issuer.claims(), sub: 'mallory', authorization: { permissions: [{ rsid: '42', scopes: ['write'] }] } }
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
    assert.equal(guard.checkSync({ token: forged, ...READ }), undefined)
    assert.equal((await guard.check({ token: forged, resource: '42', scopes: ['write'] })).code, 'invalid_signature')
    assert.equal(guard.checkSync({ token, ...READ }).permitted, true, 'a forgery drives nobody out')
  })

  it('keep one answer apart from another', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token()
    await guard.check({ token, ...READ })
    for (const request of [
      { resource: '42\nread', scopes: [] }, { resource: '42', scopes: ['re', 'ad'] }, { resource: '42', scopes: ['read', 'write'] },
      { resourceName: '42', scopes: ['read'] }, { resource: '4', scopes: ['2', 'read'] },
    ]) {
      assert.equal(guard.checkSync({ token, ...request }).permitted, false, JSON.stringify(request))
    }
  })

  it('cannot be changed by who gets the answer', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token()
    const answer = await guard.check({ token, ...READ })
    assert.throws(() => answer.permission.scopes.push('write'), TypeError)
    assert.throws(() => { answer.permitted = false }, TypeError)
    const kept = guard.checkSync({ token, ...READ })
    assert.deepEqual(kept, answer)
    assert.throws(() => kept.permission.scopes.push('write'), TypeError)
    assert.equal(guard.checkSync({ token, ...READ }), kept)
    const scopes = ['read']
    await guard.check({ token, resource: '42', scopes })
    scopes[0] = 'write'
    assert.equal(guard.checkSync({ token, resource: '42', scopes }).permitted, false)
  })

  it('are forgotten, the oldest first, when there are too many', async () => {
    const { issuer, guard } = await start(undefined, { cacheSize: 2 })
    const tokens = [1, 2, 3].map((n) => issuer.token({ jti: `t:${n}` }))
    for (const token of tokens) await guard.check({ token, ...READ })
    assert.deepEqual(tokens.map((token) => guard.checkSync({ token, ...READ })?.permitted), [undefined, true, true])
    assert.equal((await guard.check({ token: tokens[0], ...READ })).permitted, true)
  })

  it('are forgotten with the key that signed them', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token()
    await guard.check({ token, ...READ })
    issuer.addKey('EdDSA', 'next')
    issuer.keys.shift()
    issuer.now += 31
    assert.equal((await guard.check({ token: issuer.token({}, 'next'), ...READ })).permitted, true)
    assert.equal(guard.checkSync({ token, ...READ }), undefined)
    assert.equal((await guard.check({ token, ...READ })).code, 'unknown_key')
  })

  it('end with a permission that ends before them', async () => {
    const { issuer, guard } = await start()
    const permissions = [{ rsid: '42', scopes: ['read'], exp: issuer.now + 10 }]
    const token = issuer.token({ authorization: { permissions } })
    assert.equal((await guard.check({ token, ...READ })).permitted, true)
    issuer.now += 10
    assert.equal(guard.checkSync({ token, ...READ }).permitted, true)
    issuer.now += 1
    assert.equal(guard.checkSync({ token, ...READ }).code, 'not_permitted')
  })
})

describe('keys', () => {
  it('are fetched once for all who wait', async () => {
    const { issuer, guard } = await start()
    const tokens = Array.from({ length: 20 }, (_, n) => issuer.token({ jti: `t:${n}` }))
    await Promise.all(tokens.map((token) => guard.check({ token, ...READ })))
    assert.equal(issuer.count(CERTS), 1)
  })

  it('are looked for again when a token names another, at most once in 30 seconds', async () => {
    const { issuer, guard } = await start()
    issuer.addKey('ES256', 'late', { isPublished: false })
    const token = issuer.token({}, 'late')
    const flood = () => Promise.all(Array.from({ length: 50 }, () => guard.check({ token, ...READ })))
    assert.ok((await flood()).every(({ code }) => code === 'unknown_key'))
    assert.equal(issuer.count(CERTS), 1, 'fetched a moment ago')
    issuer.publish('late')
    issuer.now += 30
    assert.ok((await flood()).every(({ permitted }) => permitted))
    assert.equal(issuer.count(CERTS), 2)
  })

  it('are not looked for again because of foreign or expired tokens', async () => {
    const { issuer, guard } = await start()
    issuer.now += 31
    for (const more of [{ iss: 'https://evil.example' }, { aud: 'x' }, { exp: issuer.now - 1 }]) {
      await guard.check({ token: issuer.token(more, undefined, { kid: 'x' }), ...READ })
    }
    assert.equal(issuer.count(CERTS), 1)
  })

  it('are renewed behind the back, and last for an hour while the server is away', async () => {
    const { issuer, guard } = await start()
    const token = issuer.token({ exp: issuer.now + 10_000 })
    await guard.check({ token, ...READ })
    issuer.routes.set(CERTS, () => [503, {}])
    issuer.now += 3_600
    assert.equal(guard.checkSync({ token, ...READ }).permitted, true)
    issuer.now += 1
    assert.equal(guard.checkSync({ token, ...READ }), undefined)
    assert.equal((await guard.check({ token, ...READ })).code, 'keys_unavailable')
    issuer.routes.delete(CERTS)
    issuer.now += 1
    assert.equal((await guard.check({ token, ...READ })).permitted, true)
  })

  it('of an issuer that is away come when it is back', async () => {
    const { issuer } = await start()
    issuer.routes.set('/.well-known/uma2-configuration', () => [500, 'no'])
    const guard = await createGuard(issuer.guardOptions)
    const token = issuer.token()
    assert.equal((await guard.check({ token, ...READ })).code, 'keys_unavailable')
    issuer.routes.clear()
    issuer.now += 1
    assert.equal((await guard.check({ token, ...READ })).permitted, true)
  })

  it('are taken only from where they belong, and only if they are small enough', async () => {
    const { issuer } = await start()
    const token = issuer.token()
    const code = async () => (await (await createGuard(issuer.guardOptions)).check({ token, ...READ })).code
    const certs = `${issuer.url}${CERTS}`
    issuer.routes.set('/.well-known/uma2-configuration', () => [200, { issuer: 'https://other.example', jwks_uri: certs }])
    assert.equal(await code(), 'keys_unavailable', 'metadata of another issuer')
    issuer.routes.set('/.well-known/uma2-configuration', () => [200, { issuer: issuer.url, jwks_uri: 'http://keys.example/' }])
    assert.equal(await code(), 'keys_unavailable', 'plain HTTP')
    issuer.routes.clear()
    issuer.routes.set(CERTS, () => [302, '', { location: `${issuer.url}/elsewhere` }])
    issuer.routes.set('/elsewhere', () => [200, { keys: issuer.keys }])
    assert.equal(await code(), 'keys_unavailable', 'a redirect')
    issuer.routes.set(CERTS, () => [200, { keys: issuer.keys, more: 'x'.repeat(300_000) }])
    assert.equal(await code(), 'keys_unavailable', 'too long')
    issuer.routes.set(CERTS, () => [200, 'not json'])
    assert.equal(await code(), 'keys_unavailable', 'not JSON')
  })

  it('that are off their curve are as good as none', async () => {
    const { issuer } = await start(['ES256'])
    const token = issuer.token()
    issuer.keys[0].x = Buffer.alloc(32, 1).toString('base64url')
    const guard = await createGuard(issuer.guardOptions)
    assert.equal((await guard.check({ token, ...READ })).code, 'invalid_signature')
  })
})

describe('explain', () => {
  it('tells what a token permits, if its signature is right', async () => {
    const { issuer, guard } = await start()
    const { permissions } = issuer.claims().authorization
    const good = await guard.explain({ token: issuer.token(), ...READ })
    assert.deepEqual(good, { permitted: true, message: 'token permits this', permissions, expiresAt: issuer.now + 300 })
    const little = await guard.explain({ token: issuer.token(), resource: '42', scopes: ['write'] })
    assert.equal(little.message, 'token permits this resource without the scopes `write`')
    assert.deepEqual(little.permissions, permissions)
    const forged = await guard.explain({ token: `${issuer.token().slice(0, -10)}AAAAAAAAAA`, ...READ })
    assert.deepEqual([forged.code, forged.permissions], ['invalid_signature', []])
  })
})

describe('options', () => {
  it('that are wrong are refused at once', async () => {
    const good = { issuer: 'https://as.example', audience: 'documents', fetch: () => Promise.reject(new Error('away')) }
    const refused = async (more) => createGuard({ ...good, ...more }).then(() => undefined, (error) => error.code)
    assert.equal(await refused({}), undefined)
    assert.equal(await refused({ issuer: 'as' }), 'invalid_configuration')
    assert.equal(await refused({ issuer: 'https://user@as.example' }), 'invalid_configuration')
    assert.equal(await refused({ issuer: 'http://as.example' }), 'insecure_url')
    assert.equal(await refused({ issuer: 'http://localhost.as.example' }), 'insecure_url')
    assert.equal(await refused({ issuer: 'http://as.example', [allowInsecureRequests]: true }), undefined)
    assert.equal(await refused({ issuer: 'http://[::1]:8080' }), undefined)
    assert.equal(await refused({ audience: '' }), 'invalid_configuration')
    assert.equal(await refused({ leeway: 61 }), 'invalid_configuration')
    assert.equal(await refused({ cacheSize: -1 }), 'invalid_configuration')
  })
})

describe('codes', () => {
  it('are those of the module', () => {
    assert.deepEqual([...DENIAL_CODES].sort(), engine().denial_codes().sort())
  })

  it('and the warning are the same in both languages', async () => {
    const { UNREACHABLE_WARNING } = await import('countersign')
    assert.equal(UNREACHABLE_WARNING, engine().unreachable_warning())
  })
})
