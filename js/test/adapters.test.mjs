// What is hostile or goes wrong in front of an adapter.
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'

import { createUma } from 'countersign/node'
import { createUma as createWorkerUma } from 'countersign/worker'

import { Issuer } from './issuer.mjs'
import { sign } from './signer.mjs'

const TOKEN = '/protocol/openid-connect/token'
const PERMISSION = '/authz/protection/permission'

describe('an adapter', () => {
  let issuer
  const stops = []
  before(async () => {
    issuer = await Issuer.start()
    issuer.routes.set(TOKEN, () => [200, { access_token: 'pat', expires_in: 300 }])
    issuer.routes.set(PERMISSION, () => [201, { ticket: 't1' }])
  })
  after(async () => {
    for (const stop of stops) stop()
    await issuer.stop()
  })

  const options = (more = {}) => ({ issuer: issuer.url, clientId: 'documents', clientSecret: 's', clock: () => issuer.now * 1_000, ...more })
  const rule = { scopes: ['read'], resource: () => '42' }
  async function listen(listener) {
    const server = createServer(listener)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    stops.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return server.address().port
  }
  async function start(more, { rule: by = rule, listener = (request, response) => response.end(request.uma.rpt.sub) } = {}) {
    const uma = await createUma(options(more))
    return listen(uma.protect(by, listener))
  }
  /** Bytes as they are, so that no client sets them right */
  async function raw(port, ...headers) {
    const socket = connect(port, '127.0.0.1')
    socket.write(['GET / HTTP/1.1', 'host: x', 'connection: close', ...headers, '', ''].join('\r\n'))
    let text = ''
    for await (const chunk of socket) text += chunk
    return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
  }

  it('takes one token of one header, with one scheme', async () => {
    const port = await start()
    const token = issuer.token()
    assert.equal(await raw(port, `Authorization: Bearer ${token}`), 200)
    assert.equal(await raw(port, `authorization: bearer ${token}`), 200)
    for (const headers of [
      [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`], ['Authorization: Bearer x', `Authorization: Bearer ${token}`],
      [`Authorization: Bearer ${token}, Bearer ${token}`], [`Authorization: Bearer  ${token}`], [`Authorization: ${token}`],
      [`Authorization: Basic ${token}`], [`Authorization: DPoP ${token}`], [`Authorization: Bearer ${token} x`], [`X-Authorization: Bearer ${token}`],
      [`Authorization: Bearer "${token}"`], [`Cookie: access_token=${token}`], [],
    ]) {
      assert.equal(await raw(port, ...headers), 401, headers.join().slice(0, 40))
    }
  })

  it('answers 500 where a rule fails, tells who is to know, and lives on', async () => {
    const errors = []
    const failing = { resource: () => { throw new Error('the database is away') } }
    const port = await start({ onError: (error) => errors.push(error.message) }, { rule: failing })
    const late = await start({ onError: (error) => errors.push(error.message) }, { listener: async () => { throw new Error('late') } })
    const token = issuer.token()
    assert.equal(await raw(port, `Authorization: Bearer ${token}`), 500)
    assert.equal(await raw(port), 500)
    assert.equal(await raw(late, `Authorization: Bearer ${token}`), 500)
    assert.deepEqual(errors, ['the database is away', 'the database is away', 'late'])
    const rejecting = await createWorkerUma(options())
    const handler = rejecting.protect(failing, () => new Response('never'))
    await assert.rejects(handler(new Request('https://files.example/')), /the database is away/)
  })

  it('denies where a rule names no resource, and asks nobody', async () => {
    const before = issuer.count(PERMISSION)
    for (const resource of [undefined, null, '', 42, ['42'], {}]) {
      const port = await start({}, { rule: { ...rule, resource: async () => resource } })
      assert.equal(await raw(port, `Authorization: Bearer ${issuer.token()}`), 403, JSON.stringify(resource))
    }
    assert.equal(issuer.count(PERMISSION), before)
  })

  it('tells the log why, and the client nothing', async () => {
    const why = []
    const uma = await createUma(options({ onRefused: ({ code }) => why.push(code) }))
    const port = await listen(uma.protect(rule, (_, response) => response.end()))
    const bodies = new Set()
    for (const token of [undefined, 'x', issuer.token({ aud: 'other' }), issuer.token({ exp: issuer.now - 1, iat: 1 }), issuer.token({}, undefined, { kid: 'x' }), issuer.token({ authorization: { permissions: [] } })]) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, token && { headers: { authorization: `Bearer ${token}` } })
      bodies.add(`${answer.status} ${await answer.text()} ${answer.headers.get('www-authenticate')}`)
    }
    assert.deepEqual(why, ['invalid_token', 'invalid_token', 'wrong_audience', 'expired', 'unknown_key', 'not_permitted'])
    assert.equal(bodies.size, 1)
  })

  it('takes a bound token with its proof, for its own address only', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { kty, crv, x, y } = pair.publicKey.export({ format: 'jwk' })
    const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
    const token = issuer.token({ cnf: { jkt } })
    const proof = (htu = 'https://files.example/') => {
      const ath = createHash('sha256').update(token).digest('base64url')
      return sign({ jti: randomUUID(), htm: 'GET', htu, iat: issuer.now, ath }, pair.privateKey, { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } })
    }
    const port = await start({ dpop: true, publicUrl: 'https://files.example' })
    assert.equal(await raw(port, `Authorization: DPoP ${token}`, `DPoP: ${proof()}`), 200)
    const once = proof()
    assert.deepEqual([await raw(port, `Authorization: DPoP ${token}`, `DPoP: ${once}`), await raw(port, `Authorization: DPoP ${token}`, `DPoP: ${once}`)], [200, 401])
    for (const headers of [
      [`Authorization: Bearer ${token}`], [`Authorization: Bearer ${token}`, `DPoP: ${proof()}`], [`Authorization: DPoP ${token}`],
      [`Authorization: DPoP ${token}`, `DPoP: ${proof()}`, `DPoP: ${proof()}`], [`Authorization: DPoP ${token}`, `DPoP: ${proof()},${proof()}`],
      [`Authorization: DPoP ${issuer.token()}`, `DPoP: ${proof()}`],
      [`Authorization: DPoP ${token}`, `DPoP: ${proof(`http://127.0.0.1:${port}/`)}`],
      [`Authorization: DPoP ${token}`, `DPoP: ${proof('https://evil.example/')}`, 'X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: https'],
    ]) {
      assert.equal(await raw(port, ...headers), 401, headers.map((header) => header.slice(0, 20)).join())
    }
    await assert.rejects(createUma(options({ dpop: true })), { code: 'invalid_configuration', message: /publicUrl/ })
  })

  it('says which option is missing', async () => {
    for (const name of ['issuer', 'clientId', 'clientSecret']) {
      await assert.rejects(createUma(options({ [name]: undefined })), { code: 'invalid_configuration', message: `\`${name}\` is missing` })
    }
  })
})
