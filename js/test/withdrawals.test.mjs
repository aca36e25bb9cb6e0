import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { deflateSync } from 'node:zlib'

import { createGuard } from 'countersign'
import { createUma } from 'countersign/worker'

import { loadGate } from '../dist/platform/node.js'
import { Issuer } from './issuer.mjs'

const READ = { resource: '42', scopes: ['read'] }
const LIST = '/status-list'
const INTROSPECT = '/protocol/openid-connect/token/introspect'

const started = []
after(() => Promise.all(started.map((issuer) => issuer.stop())))

/** An issuer with a list of two bits for each token, and a guard that looks into it */
async function start(options = {}) {
  const issuer = await Issuer.start()
  started.push(issuer)
  const list = new Uint8Array(64)
  const uri = `${issuer.url}${LIST}`
  const claims = (more = {}) => ({
    iss: issuer.url, sub: uri, iat: issuer.now, exp: issuer.now + 3_600, ttl: 5,
    status_list: { bits: 2, lst: deflateSync(list).toString('base64url') }, ...more,
  })
  const signed = (more, kid) => issuer.sign(claims(more), { typ: 'statuslist+jwt' }, kid)
  issuer.routes.set(LIST, () => [200, signed(), { 'content-type': 'application/statuslist+jwt' }])
  issuer.routes.set('/.well-known/uma2-configuration', () => [200, { ...issuer.metadata, status_list_uri: uri }])
  const guard = await createGuard({ ...issuer.guardOptions, withdrawals: 'list', timeout: 1_000, ...options })
  return {
    issuer, guard, signed, uri,
    mark: (idx, status) => (list[idx >> 2] |= status << (2 * (idx & 3))),
    token: (idx, more) => issuer.token({ status: { status_list: { idx, uri } }, exp: issuer.now + 10_000, ...more }),
    code: async (token, more) => {
      const answer = await guard.check({ token, ...READ, ...more })
      return answer.permitted ? 'permitted' : answer.code
    },
  }
}

describe('withdrawals by list', () => {
  it('end a token within the list’s ttl, seen before or not', async () => {
    const { issuer, guard, mark, token, code } = await start()
    const [one, other] = [token(7), token(8)]
    assert.deepEqual([await code(one), await code(other)], ['permitted', 'permitted'])
    assert.equal(guard.checkSync({ token: one, ...READ }).permitted, true)
    assert.equal(issuer.count(LIST), 1)
    mark(7, 1)
    issuer.now += 6
    assert.equal(guard.checkSync({ token: one, ...READ }), undefined, 'somebody has to be asked')
    assert.deepEqual([await code(one), await code(other)], ['withdrawn', 'permitted'])
    assert.equal(guard.checkSync({ token: one, ...READ }).code, 'withdrawn')
    assert.equal(issuer.count(LIST), 2)
  })

  it('are fetched once for all, and behind the back before the ttl is over', async () => {
    const work = []
    const { issuer, code, token } = await start({ waitUntil: (promise) => work.push(promise) })
    await Promise.all(Array.from({ length: 50 }, (_, n) => code(token(n))))
    assert.equal(issuer.count(LIST), 1)
    issuer.now += 4
    assert.equal(await code(token(1)), 'permitted')
    await Promise.all(work)
    assert.equal(issuer.count(LIST), 2)
  })

  it('leave tokens without a status alone, whatever the issuer has', async () => {
    const { issuer, code } = await start()
    issuer.routes.set('/.well-known/uma2-configuration', () => [200, issuer.metadata])
    assert.equal(await code(issuer.token()), 'permitted')
    assert.equal(issuer.count(LIST), 0)
  })

  it('refuse a token that names another list, and fetch no address of a token', async () => {
    const { issuer, code, token } = await start()
    const evil = await Issuer.start()
    started.push(evil)
    for (const status of [
      { status_list: { idx: 1, uri: `${evil.url}${LIST}` } }, { status_list: { idx: -1, uri: `${issuer.url}${LIST}` } }, {}, null, 'x',
      { status_list: { idx: 2 ** 53, uri: `${issuer.url}${LIST}` } }, { status_list: { idx: '1', uri: `${issuer.url}${LIST}` } }, { other: {} },
    ]) {
      assert.equal(await code(token(1, { status })), 'invalid_token', JSON.stringify(status))
    }
    assert.deepEqual(evil.requests, [])
    assert.equal(await code(token(100_000)), 'withdrawn', 'a place outside the list')
  })

  it('that are narrowed ask introspection, and deny without credentials', async () => {
    const poor = await start()
    poor.mark(3, 3)
    assert.equal(await poor.code(poor.token(3)), 'withdrawn')
    const { issuer, mark, token, code } = await start({ introspection: { clientId: 'documents', clientSecret: 's' } })
    mark(3, 3)
    issuer.routes.set(INTROSPECT, () => [200, { active: true, permissions: [{ rsid: '42', scopes: ['read'] }] }])
    assert.equal(await code(token(3)), 'permitted')
    assert.equal(await code(token(3)), 'permitted')
    issuer.routes.set(INTROSPECT, () => [200, { active: true, permissions: [] }])
    assert.equal(await code(token(3)), 'not_permitted')
    assert.equal(await code(token(4)), 'permitted', 'without a question')
  })

  it('know the place of a token in whatever is left of it', async () => {
    const { issuer, guard, token, uri } = await start()
    const { module } = guard
    const { WithdrawalModule } = (await loadGate()).bindings
    const list = new WithdrawalModule(issuer.url, uri, false, false, 60)
    const accepted = (text) => {
      const handle = module.begin_text(text, issuer.now)
      assert.ok(module.finish(handle, true))
      return handle
    }
    const left = (handle) => module.introspected(handle, Buffer.from('{"active":true,"permissions":[]}'))
    const [listed, foreign, free] = [token(3), token(3, { status: { status_list: { idx: 3, uri: 'https://evil.example' } } }), token(3, { status: undefined })].map(accepted)
    assert.deepEqual([listed, foreign, free].map((handle) => list.place(module, handle)), [3, -2, -1])
    assert.deepEqual([listed, foreign, free].map((handle) => list.place(module, left(handle))), [3, -2, -1])
    assert.equal(list.place(module, 1_000_000), -2, 'of a token that nobody knows')
  })

  it('deny when no list can be had for long, and believe exp only where that is wanted', async () => {
    for (const [onStale, want] of [['deny', 'status_unavailable'], ['until-exp', 'permitted']]) {
      const { issuer, mark, token, code } = await start({ onStale })
      mark(9, 1)
      assert.equal(await code(token(1)), 'permitted')
      issuer.routes.set(LIST, () => [503, ''])
      issuer.now += 60
      assert.equal(await code(token(1)), 'permitted', 'the old list serves')
      issuer.now += 30
      assert.deepEqual([await code(token(1)), await code(token(9))], [want, 'withdrawn'], 'what was taken back stays so')
    }
    const { issuer, token, code } = await start()
    issuer.routes.set(LIST, () => [503, ''])
    assert.equal(await code(token(1)), 'status_unavailable', 'without any list')
  })

  it('take no list that is not the issuer’s, whole and of now', async () => {
    const { issuer, signed, token, code, uri } = await start()
    issuer.addKey('EdDSA', 'unknown', { isPublished: false })
    const bad = {
      'another issuer': () => signed({ iss: 'https://evil.example' }), 'another address': () => signed({ sub: `${uri}/x` }),
      'expired': () => signed({ exp: issuer.now - 1 }), 'of the future': () => signed({ iat: issuer.now + 100 }),
      'three bits': () => signed({ status_list: { bits: 3, lst: 'eNo76fITAAPfAgc' } }), 'no zlib': () => signed({ status_list: { bits: 2, lst: 'AAAA' } }),
      'a bomb': () => signed({ status_list: { bits: 2, lst: deflateSync(Buffer.alloc(20_000_000)).toString('base64url') } }),
      'no ttl at all': () => signed({ ttl: 0 }), 'a wrong signature': () => `${signed().slice(0, -8)}AAAAAAAA`, 'an unknown key': () => signed({}, 'unknown'),
      'a token': () => issuer.token(), 'HTML': () => '<html>', 'nothing': () => '',
    }
    for (const [name, make] of Object.entries(bad)) {
      issuer.routes.set(LIST, () => [200, make(), {}])
      issuer.now += 2
      assert.equal(await code(token(1)), 'status_unavailable', name)
    }
    for (const [name, route] of Object.entries({ hangs: () => () => {}, redirects: () => [302, '', { location: uri }], 'is huge': () => [200, 'x'.repeat(10_000_000), {}] })) {
      issuer.routes.set(LIST, route)
      issuer.now += 2
      assert.equal(await code(token(1)), 'status_unavailable', name)
    }
    issuer.routes.set(LIST, () => [200, signed(), {}])
    issuer.now += 2
    assert.equal(await code(token(1)), 'permitted')
  })

  it('take no older list after a newer one', async () => {
    const { issuer, signed, mark, token, code } = await start()
    const old = signed()
    issuer.now += 1
    mark(5, 1)
    assert.equal(await code(token(5)), 'withdrawn')
    issuer.routes.set(LIST, () => [200, old, {}])
    issuer.now += 10
    assert.equal(await code(token(5)), 'withdrawn')
  })

  it('know a list that is signed with a new key', async () => {
    const { issuer, signed, token, code } = await start()
    const before = token(1)
    issuer.addKey('ES256', 'next')
    issuer.routes.set(LIST, () => [200, signed({}, 'next'), {}])
    issuer.now += 31
    assert.equal(await code(before), 'permitted')
  })

  it('hold in adapters too, and are refused with a wrong option', async () => {
    const { issuer, mark, token } = await start()
    issuer.routes.set('/protocol/openid-connect/token', () => [200, { access_token: 'pat', expires_in: 300 }])
    issuer.routes.set('/authz/protection/permission', () => [201, { ticket: 't' }])
    mark(2, 1)
    const connection = { issuer: issuer.url, clientId: 'documents', clientSecret: 's', clock: () => issuer.now * 1_000, withdrawals: 'list' }
    const keycloak = { 'policy-enforcer': { 'user-managed-access': {}, paths: [{ path: '/', id: '42', scopes: ['read'] }] }, 'bearer-only': true }
    const [plain, enforced] = [await createUma(connection), await createUma({ ...connection, keycloak })]
    const ok = () => new Response('ok')
    for (const handler of [plain.protect({ scopes: ['read'], resource: () => '42' }, ok), enforced.enforce(ok)]) {
      const status = async (idx) => (await handler(new Request('https://files.example/', { headers: { authorization: `Bearer ${token(idx)}` } }))).status
      assert.deepEqual([await status(1), await status(2), await status(1)], [200, 401, 200])
    }
    for (const options of [{ withdrawals: 'always' }, { onStale: 'allow' }, { maxStaleness: -1 }, { maxStaleness: NaN }]) {
      await assert.rejects(createGuard({ ...issuer.guardOptions, ...options }), { code: 'invalid_configuration' })
    }
  })
})
