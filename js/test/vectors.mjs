// The vectors that all engines share, through the built package: kinds `token`, `permits` and `challenge`.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { challenge, createGuard, findChallenge } from 'countersign'

import { engine } from '../dist/engine.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'tests', 'vectors')
/** Kinds of other engines; a kind that is nowhere listed is an error. */
const OTHERS = new Set(['assess', 'dialect', 'dpop', 'enforcer', 'status'])
const RUNNERS = { token, permits, challenge: challenges }

let keysNow
const jwksServer = createServer((_, response) => response.end(JSON.stringify(keysNow)))
before(async () => once(jwksServer.listen(0, '127.0.0.1'), 'listening'))
after(() => jwksServer.close())

for (const file of readdirSync(root, { recursive: true }).filter((name) => name.endsWith('.json')).sort()) {
  const content = JSON.parse(readFileSync(join(root, file), 'utf8'))
  const cases = (Array.isArray(content) ? content : [content]).filter(({ kind }) => !OTHERS.has(kind))
  if (cases.length === 0) continue
  describe(relative(root, join(root, file)), () => {
    for (const vector of cases) {
      it(`${vector.note} (${vector.spec})`, () => {
        const run = RUNNERS[vector.kind]
        assert.ok(run, `no engine serves the kind ${vector.kind}`)
        return run(vector)
      })
    }
  })
}

/** By the module alone on the word of the vector, and by the whole guard with the platform's cryptography */
async function token({ given: { issuer, audience, leeway, keys }, request, want }) {
  const module = new (engine().GuardModule)(issuer, audience, leeway)
  module.set_keys(Buffer.from(JSON.stringify(keys)))
  const handle = module.begin_text(request.token, request.now)
  if (handle >= 0 && module.finish(handle, request.signature_ok)) {
    assert.deepEqual({ accepted: true, sub: want.sub, expires_at: module.expires_at(handle) }, want)
  } else {
    assert.deepEqual({ accepted: false, code: module.refusal().code }, want)
  }

  keysNow = keys
  const jwksUri = `http://127.0.0.1:${jwksServer.address().port}/`
  const guard = await createGuard({ issuer, audience, leeway, jwksUri, clock: () => request.now * 1_000 })
  const answer = await guard.check({ token: request.token, resource: '42', scopes: ['read'] })
  if (want.accepted) {
    assert.equal(answer.permitted, true, answer.message)
    assert.equal(answer.rpt.sub, want.sub)
  } else {
    assert.equal(answer.code, want.code)
  }
}

/** Permissions are those of a token, so one is made around them, whose signature is taken for granted. */
function permits({ given: { permissions, exp }, request: { resource, resource_name, scopes, now }, want }) {
  const module = new (engine().GuardModule)('as', 'rs', 0)
  const key = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  module.set_keys(Buffer.from(JSON.stringify({ keys: [key] })))
  const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const claims = { iss: 'as', aud: 'rs', typ: 'Bearer', exp, authorization: { permissions } }
  const compact = [encode({ alg: 'EdDSA', typ: 'JWT' }), encode(claims), Buffer.alloc(64).toString('base64url')].join('.')
  const handle = module.begin_text(compact, Math.min(now, exp))
  assert.ok(handle >= 0 && module.finish(handle, true))
  const answer =
    resource === undefined
      ? module.permits_named(handle, resource_name, scopes, now)
      : module.permits(handle, resource, scopes, now)
  if (answer === undefined) assert.deepEqual({ permitted: false, code: module.refusal().code }, want)
  else assert.deepEqual({ permitted: true, scopes: answer.permission.scopes ?? [], until: answer.until }, want)
}

function challenges({ request: { build, find }, want }) {
  const run = () => (build ? { header: challenge(build) } : { challenge: findChallenge(find) ?? null })
  if (want.code) assert.throws(run, (error) => error.code === want.code)
  else assert.deepEqual(run(), want)
}
