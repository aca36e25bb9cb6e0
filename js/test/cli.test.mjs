import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Issuer } from './issuer.mjs'

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

async function run(input, ...args) {
  const child = spawn(process.execPath, [CLI, ...args])
  const [out, err] = [[], []]
  child.stdout.on('data', (chunk) => out.push(chunk))
  child.stderr.on('data', (chunk) => err.push(chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }
}

describe('countersign explain', () => {
  let issuer, folder, jwks
  before(async () => {
    issuer = await Issuer.start()
    issuer.now = Math.floor(Date.now() / 1_000)
    folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
    jwks = join(folder, 'jwks.json')
    await writeFile(jwks, JSON.stringify({ keys: issuer.keys }))
  })
  after(async () => {
    await issuer.stop()
    await rm(folder, { recursive: true })
  })

  it('says loudly that nothing is verified without keys', async () => {
    const { code, out } = await run(`${issuer.token()}\n`, 'explain')
    assert.equal(code, 0)
    assert.match(out, /^NOT VERIFIED: no keys were given \(--jwks\)\n/)
    assert.match(out, /says that it permits\n {2}42 \(document 42\): read\n$/)
    assert.equal((await run(issuer.token(), 'explain', '--resource', '42')).code, 1, 'only a verified token permits')
  })

  it('verifies with keys, offline', async () => {
    const { code, out } = await run(`Bearer ${issuer.token()}`, 'explain', '--jwks', jwks)
    assert.equal(code, 0, out)
    assert.match(out, /^verified: signed by a key of --jwks\n/)
    assert.match(out, /\npermits\n {2}42 \(document 42\): read\n$/)
    assert.deepEqual(issuer.requests, [], 'nobody was asked')
  })

  it('says whether something is permitted', async () => {
    const asked = (...args) => run(issuer.token(), 'explain', '--jwks', jwks, '--json', ...args).then(({ code, out }) => [code, JSON.parse(out).permitted, JSON.parse(out).code])
    assert.deepEqual(await asked('--resource', '42', '--scope', 'read'), [0, true, undefined])
    assert.deepEqual(await asked('--resource', '42', '--scope', 'read', '--scope', 'write'), [1, false, 'not_permitted'])
    assert.deepEqual(await asked('--resource', '43'), [1, false, 'not_permitted'])
  })

  it('refuses what is forged, expired or for others, and shows what it says all the same', async () => {
    for (const [token, reason, ...args] of [
      [`${issuer.token().slice(0, -8)}AAAAAAAA`, /token signature is wrong/],
      [issuer.token({ exp: issuer.now - 10 , iat: issuer.now - 20 }), /token has expired/],
      [issuer.token(), /token is for another audience/, '--audience', 'other'],
      [issuer.token(), /token is from another issuer/, '--issuer', 'https://other.example'],
      [issuer.token({ cnf: { jkt: 'x' } }), /token is not bound/],
    ]) {
      const { code, out } = await run(token, 'explain', '--jwks', jwks, ...args)
      assert.equal(code, 1)
      assert.match(out, /^NOT VERIFIED: /)
      assert.match(out, reason)
      assert.match(out, /says that it permits/)
    }
  })

  it('shows no control characters of a token', async () => {
    const { out } = await run(issuer.token({ sub: 'bob\u001b[2J\nverified\u202e' }), 'explain')
    assert.doesNotMatch(out, /[\u001b\u202e]|^verified/m)
  })

  it('takes no token as an argument, and repeats none', async () => {
    const token = issuer.token()
    for (const args of [['explain', token], [token], ['explain', `--${token}`], ['explain', '--token', token]]) {
      const { code, out, err } = await run('', ...args)
      assert.equal(code, 2)
      assert.doesNotMatch(out + err, new RegExp(token.slice(0, 20)))
    }
  })

  it('says what it cannot read', async () => {
    assert.deepEqual([(await run('', 'explain')).code, (await run('a.b.c', 'explain')).code, (await run('rubbish', 'explain')).code], [1, 1, 1])
    assert.equal((await run('x'.repeat(2_000_000), 'explain')).code, 2)
    await writeFile(join(folder, 'bad.json'), '<html>')
    for (const file of ['bad.json', 'none.json']) assert.equal((await run(issuer.token(), 'explain', '--jwks', join(folder, file))).code, 2)
    assert.match((await run('', '--help')).out, /^Usage: countersign explain/)
    assert.equal((await run('', 'frobnicate')).code, 2)
  })
})
