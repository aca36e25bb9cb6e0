// The full module: it verifies and decides by itself, at once. Its vectors are with the others in `vectors.mjs`.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { createPdp, createShares, DENIAL_CODES, loadAssess } from 'countersign/pdp'

import { Issuer } from './issuer.mjs'

const READ = { resource: '42', scopes: ['read'] }
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']

const codeOf = (answer) => (answer.permitted ? 'permitted' : answer.code)

describe('the full module', () => {
  let issuer, options
  before(async () => {
    issuer = await Issuer.start(ALGORITHMS)
    options = { ...issuer.guardOptions, keys: { keys: issuer.keys } }
  })
  after(() => issuer.stop())

  for (const alg of ALGORITHMS) {
    it(`verifies ${alg} by itself, and knows a wrong signature`, async () => {
      const pdp = await createPdp(options)
      const token = issuer.token({}, alg)
      const answer = pdp.check({ token, ...READ })
      assert.deepEqual([answer.permitted, answer.rpt.sub, answer.permission.scopes], [true, 'bob', ['read']])
      const [head, , signature] = token.split('.')
      const claims = Buffer.from(JSON.stringify(issuer.claims({ sub: 'mallory' }))).toString('base64url')
      assert.equal(codeOf(pdp.check({ token: `${head}.${claims}.${signature}`, ...READ })), 'invalid_signature')
      const at = token.length - 20
      assert.equal(codeOf(pdp.check({ token: `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`, ...READ })), 'invalid_signature')
    })
  }

  it('asks nobody, and answers as a guard does', async () => {
    const pdp = await createPdp(options)
    const asked = issuer.requests.length
    const token = issuer.token({}, 'EdDSA')
    const cases = [
      [{ token, ...READ }, 'permitted'], [{ token, resource: '42', scopes: ['write'] }, 'not_permitted'], [{ token, resource: '43' }, 'not_permitted'],
      [{ token, resourceName: 'document 42' }, 'not_permitted'], [{ token }, 'not_permitted'], [{ token: undefined, ...READ }, 'invalid_token'],
      [{ token: 'x', ...READ }, 'invalid_token'], [{ token: issuer.token({ aud: 'x' }), ...READ }, 'wrong_audience'],
      [{ token: issuer.token({ exp: issuer.now - 1, iat: issuer.now - 300 }), ...READ }, 'expired'], [{ token: issuer.token({ cnf: { jkt: 'x' } }), ...READ }, 'bound_token'],
      [{ token: 5, ...READ }, 'invalid_token'], [{ token, resource: '42', scopes: 'read' }, 'not_permitted'],
    ]
    for (const [request, want] of cases) assert.equal(codeOf(pdp.check(request)), want, JSON.stringify(request).slice(0, 80))
    for (const [request] of cases) assert.ok([...DENIAL_CODES, 'permitted'].includes(codeOf(pdp.check(request))))
    assert.equal(issuer.requests.length, asked)
    const { permissions, expiresAt } = pdp.explain({ token })
    assert.deepEqual([permissions.length, expiresAt], [1, issuer.now + 300])
  })

  it('answers again from what it has verified, until the token ends or the keys change', async () => {
    const pdp = await createPdp(options)
    const token = issuer.token({}, 'ES256')
    assert.deepEqual(pdp.check({ token, ...READ }), pdp.check({ token, ...READ }))
    assert.equal(pdp.check({ token, ...READ }), pdp.check({ token, ...READ }))
    issuer.now += 301
    assert.equal(codeOf(pdp.check({ token, ...READ })), 'expired')
    const next = issuer.token({}, 'ES256')
    assert.equal(codeOf(pdp.check({ token: next, ...READ })), 'permitted')
    pdp.setKeys({ keys: issuer.keys.filter(({ kid }) => kid !== 'ES256') })
    assert.equal(codeOf(pdp.check({ token: next, ...READ })), 'unknown_key')
    for (const bad of ['', '<html>', '[]', { keys: 5 }]) assert.throws(() => pdp.setKeys(bad), { code: 'invalid_keys' })
    assert.equal(codeOf(pdp.check({ token: issuer.token({}, 'EdDSA'), ...READ })), 'permitted', 'the keys before stay')
  })

  it('refuses what is no configuration', async () => {
    for (const wrong of [{ issuer: '' }, { audience: '' }, { leeway: 61 }, { cacheSize: 0 }]) {
      await assert.rejects(createPdp({ ...options, ...wrong }), { code: 'invalid_configuration' }, JSON.stringify(wrong))
    }
    await assert.rejects(createPdp({ ...options, keys: 'x' }), { code: 'invalid_keys' })
  })

  it('denies by a clock that shows no time', async () => {
    const token = issuer.token({}, 'EdDSA')
    for (const clock of [() => Number.NaN, () => Infinity, () => { throw new Error('broken') }]) {
      assert.equal(codeOf((await createPdp({ ...options, clock })).check({ token, ...READ })), 'engine_failed')
    }
  })
})

describe('an assessment', () => {
  it('is given to nothing but a question', async () => {
    const assess = await loadAssess()
    for (const question of [undefined, null, {}, { now: 'secret' }, { unknown: 1 }]) {
      assert.throws(() => assess(question), (error) => error.code === 'invalid_question' && !error.message.includes('secret'))
    }
  })
})

describe('shares at hand', () => {
  const NOW = 1_700_000_000
  const clock = () => NOW * 1_000
  const rows = [
    { id: '1', resource: 'doc-42', scope: 'read', requester: { user: 'bob' }, state: 'granted' },
    { id: '2', resource: 'doc-42', scope: 'print', requester: { group: '/staff' }, state: 'granted' },
    { id: '3', resource: 'doc-42', scope: 'write', requester: { user: 'bob' }, state: 'pending' },
    { id: '4', resource: 'doc-42', scope: 'share', requester: { user: 'bob' }, state: 'granted', expires_at: NOW },
  ]
  const may = (shares) => {
    const bob = shares.of({ id: 'bob', client: 'app', groups: ['/staff'] })
    return ['read', 'print', 'write', 'share', 'x', 'not a scope'].filter((scope) => bob.permits('doc-42', scope))
  }

  it('permit what stands, follow changes, and travel as a snapshot', async () => {
    const shares = await createShares(rows, clock)
    assert.deepEqual(may(shares), ['read', 'print'])
    assert.equal(shares.of({ id: 'eve', client: 'app' }).permits('doc-42', 'read'), false)
    assert.equal(shares.of({ id: 'bob', client: 'app' }).permits('', 'read'), false)
    shares.apply([{ remove: '1' }, { put: { ...rows[2], state: 'granted' } }])
    assert.deepEqual(may(shares), ['print', 'write'])
    assert.deepEqual(may(await createShares(shares.snapshot(), clock)), ['print', 'write'])
  })

  it('refuse what is none', async () => {
    for (const bad of [[{ id: '1' }], [rows[0], rows[0]], new Uint8Array(3), [{ ...rows[0], secret: 1 }]]) {
      await assert.rejects(createShares(bad, clock), { code: 'invalid_configuration' })
    }
    const shares = await createShares(rows, clock)
    assert.throws(() => shares.of({ name: 'bob' }), { code: 'invalid_configuration' })
    assert.throws(() => shares.apply([{ change: 1 }]), { code: 'invalid_configuration' })
    assert.deepEqual(may(await createShares([], clock)), [])
  })
})
