// A guard whose issuer misbehaves: every answer is a no with a code, in time, and nothing is left over.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, describe, it } from 'node:test'

import { createGuard } from 'countersign'

import { Issuer } from './issuer.mjs'

const READ = { resource: '42', scopes: ['read'] }
const CERTS = '/protocol/openid-connect/certs'
const METADATA = '/.well-known/uma2-configuration'

const started = []
after(() => Promise.all(started.map((issuer) => issuer.stop())))
async function start() {
  const issuer = await Issuer.start()
  started.push(issuer)
  return issuer
}
/** The code of a guard that is new, in less than this many milliseconds */
async function codeOf(issuer, options = {}) {
  const begin = performance.now()
  const guard = await createGuard({ ...issuer.guardOptions, timeout: 2_000, ...options })
  const { code } = await guard.check({ token: issuer.token(), ...READ })
  assert.ok(performance.now() - begin < 10_000, 'answered in time')
  return code
}

const BAD = {
  'empty': [() => [200, ''], 'keys_unavailable'],
  'without keys': [() => [200, { keys: [] }], 'unknown_key'],
  'of another shape': [() => [200, { keys: {} }], 'keys_unavailable'],
  'JSON null': [() => [200, 'null'], 'keys_unavailable'],
  'huge': [() => [200, { keys: [], more: 'x'.repeat(20_000_000) }], 'keys_unavailable'],
  'endless': [() => (response) => {
    const more = () => response.write('{"keys":[],"x":"'.padEnd(65_536, 'x'), (error) => error || setImmediate(more))
    more()
  }, 'keys_unavailable'],
  'HTML': [() => [200, '<!doctype html><title>Sign in</title>', { 'content-type': 'text/html' }], 'keys_unavailable'],
  'a redirect': [() => [302, '', { location: '/realms/demo/elsewhere' }], 'keys_unavailable'],
  'a permanent redirect': [() => [308, '', { location: 'http://169.254.169.254/latest' }], 'keys_unavailable'],
  'an error 500': [() => [500, { keys: [] }], 'keys_unavailable'],
  'never sent': [() => () => {}, 'keys_unavailable'],
  'sent by the drop': [() => (response) => {
    response.write('{"keys":[')
    const timer = setInterval(() => response.write(' '), 10)
    response.on('close', () => clearInterval(timer))
  }, 'keys_unavailable'],
  'cut off': [() => (response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{"keys":[')
    setImmediate(() => response.destroy())
  }, 'keys_unavailable'],
  'closed without a word': [() => (response) => response.destroy(), 'keys_unavailable'],
  'of keys with the same name': [(issuer) => [200, { keys: [issuer.keys[0], { ...issuer.keys[0] }] }], 'unknown_key'],
  'of a private key': [(issuer) => [200, { keys: [{ ...issuer.keys[0], d: 'AAAA' }] }], 'unknown_key'],
  'of a symmetric key': [() => [200, { keys: [{ kty: 'oct', k: 'AAAA', kid: 'EdDSA' }] }], 'unknown_key'],
}

/** Those that nothing but the timeout ends */
const HANGS = new Set(['never sent', 'sent by the drop'])

describe('a key set that is', () => {
  for (const [name, [route, code]] of Object.entries(BAD)) {
    it(`${name} denies with ${code}`, async () => {
      const issuer = await start()
      issuer.routes.set(CERTS, () => route(issuer))
      assert.equal(await codeOf(issuer, HANGS.has(name) ? { timeout: 100 } : {}), code)
    })
  }

  it('bad takes nothing from a guard that has a good one', async () => {
    const issuer = await start()
    const guard = await createGuard({ ...issuer.guardOptions, timeout: 1_000 })
    for (const [name, [route, code]] of Object.entries(BAD)) {
      if (code !== 'keys_unavailable') continue
      issuer.routes.set(CERTS, () => route(issuer))
      issuer.now += 31
      const { code: unknown } = await guard.check({ token: issuer.token({}, undefined, { kid: 'x' }), ...READ })
      assert.equal(unknown, 'unknown_key', name)
      assert.equal((await guard.check({ token: issuer.token(), ...READ })).permitted, true, name)
    }
  })

  it('suddenly another one ends what the old one signed', async () => {
    const issuer = await start()
    const guard = await createGuard(issuer.guardOptions)
    const token = issuer.token()
    assert.equal((await guard.check({ token, ...READ })).permitted, true)
    issuer.keys.length = 0
    issuer.addKey('ES256', 'other')
    issuer.now += 601
    // Asks in the background, as for any token.
    guard.checkSync({ token: issuer.token({}, 'other'), ...READ })
    assert.equal((await guard.check({ token: issuer.token({}, 'other'), ...READ })).permitted, true)
    assert.equal((await guard.check({ token, ...READ })).permitted, false)
  })
})

describe('an issuer that', () => {
  for (const [name, route] of Object.entries({
    'answers 500': () => [500, 'no'], 'hangs': () => () => {}, 'closes': () => (response) => response.destroy(),
    'sends HTML': () => [200, '<html>'], 'describes another': () => [200, { issuer: 'https://other.example', jwks_uri: 'https://other.example' }],
  })) {
    it(`${name} instead of metadata denies with keys_unavailable`, async () => {
      const issuer = await start()
      issuer.routes.set(METADATA, route)
      assert.equal(await codeOf(issuer, { timeout: 100 }), 'keys_unavailable')
    })
  }

  it('takes connections and says nothing denies', async () => {
    const silent = createServer(() => {})
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${silent.address().port}/`
    const issuer = await start()
    assert.equal(await codeOf(issuer, { jwksUri: url, timeout: 100 }), 'keys_unavailable')
    silent.close()
  })

  it('breaks a connection before it answers is asked once more, and no oftener', async () => {
    const issuer = await start()
    for (const [path, answer] of [[METADATA, () => issuer.metadata], [CERTS, () => ({ keys: issuer.keys })]]) {
      const breaking = (times) => {
        let left = times
        issuer.requests.length = 0
        issuer.routes.set(path, () => ((left -= 1) >= 0 ? (response) => response.destroy() : [200, answer()]))
      }
      breaking(1)
      assert.equal(await codeOf(issuer), undefined, 'permitted')
      assert.equal(issuer.count(path), 2)
      breaking(5)
      assert.equal(await codeOf(issuer), 'keys_unavailable')
      assert.equal(issuer.count(path), 2)
      issuer.routes.delete(path)
    }
  })

  it('is asked once a second at most by a thousand requests while it is away', async () => {
    const issuer = await start()
    issuer.routes.set(CERTS, () => [503, {}])
    const guard = await createGuard(issuer.guardOptions)
    const token = issuer.token()
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => guard.check({ token, ...READ })))
    assert.ok(answers.every(({ code }) => code === 'keys_unavailable'))
    assert.equal(issuer.count(CERTS), 1)
  })

  it('hangs is given up though a `fetch` heeds no signal', async () => {
    const issuer = await start()
    assert.equal(await codeOf(issuer, { fetch: () => new Promise(() => {}), timeout: 100 }), 'keys_unavailable')
    assert.equal(await codeOf(issuer, { fetch: () => { throw new TypeError('no') } }), 'keys_unavailable')
    assert.equal(await codeOf(issuer, { fetch: async () => undefined }), 'keys_unavailable')
  })

  it('misbehaves leaves no connection and no timer', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const issuer = await start()
    for (const [route] of Object.values(BAD)) {
      issuer.routes.set(CERTS, () => route(issuer))
      await codeOf(issuer, { timeout: 100 })
    }
    await issuer.drained()
    const left = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    assert.ok(left <= before + 2, `${left} timers, ${before} before`)
  })
})

describe('a clock that', () => {
  it('is an hour ahead finds everything expired', async () => {
    const issuer = await start()
    const guard = await createGuard({ ...issuer.guardOptions, clock: () => (issuer.now + 3_600) * 1_000 })
    assert.equal((await guard.check({ token: issuer.token(), ...READ })).code, 'expired')
  })

  it('is an hour behind finds nothing valid yet', async () => {
    const issuer = await start()
    const guard = await createGuard({ ...issuer.guardOptions, clock: () => (issuer.now - 3_600) * 1_000 })
    assert.equal((await guard.check({ token: issuer.token(), ...READ })).code, 'not_yet_valid')
  })

  it('is set back makes nobody trust old keys for longer', async () => {
    const issuer = await start()
    const guard = await createGuard(issuer.guardOptions)
    issuer.now -= 7_200
    const token = issuer.token()
    assert.equal((await guard.check({ token, ...READ })).permitted, true)
    assert.equal(issuer.count(CERTS), 2, 'fetched anew')
  })

  for (const [name, clock] of Object.entries({ 'shows no time': () => NaN, 'throws': () => { throw new Error('no clock') } })) {
    it(`${name} denies with engine_failed`, async () => {
      const issuer = await start()
      const guard = await createGuard(issuer.guardOptions)
      const broken = await createGuard({ ...issuer.guardOptions, clock }).catch((error) => error)
      if (broken instanceof Error) assert.fail(broken)
      assert.equal((await broken.check({ token: issuer.token(), ...READ })).code, 'engine_failed')
      assert.equal((await guard.check({ token: issuer.token(), ...READ })).permitted, true)
    })
  }
})
