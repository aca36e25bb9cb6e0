// The vectors that all engines share, through the built package: kinds `token`, `permits`, `challenge`, `dpop` and `enforcer`.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { challenge, createGuard, findChallenge } from 'countersign'

import { engine } from '../dist/engine.js'
import { loadGate } from '../dist/platform/node.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'tests', 'vectors')
/** Kinds of other engines; a kind that is nowhere listed is an error. */
const OTHERS = new Set(['assess', 'dialect', 'status'])
const RUNNERS = { token, permits, challenge: challenges, dpop, enforcer }

const gate = (await loadGate()).bindings
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

/** A module with an RPT of these claims, whose signature is taken for granted */
function withRpt(bindings, claims, now) {
  const module = new bindings.GuardModule('as', 'rs', 0)
  const key = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  module.set_keys(Buffer.from(JSON.stringify({ keys: [key] })))
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const all = { iss: 'as', aud: 'rs', typ: 'Bearer', ...claims }
  const token = [encode({ alg: 'EdDSA', typ: 'JWT' }), encode(all), Buffer.alloc(64).toString('base64url')].join('.')
  const handle = module.begin_text(token, now)
  assert.ok(handle >= 0 && module.finish(handle, true))
  return { module, handle, token }
}

function permits({ given: { permissions, exp }, request: { resource, resource_name, scopes, now }, want }) {
  const { module, handle } = withRpt(engine(), { exp, authorization: { permissions } }, Math.min(now, exp))
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

/** On the word of the vector that a signature is right, and never without the platform's where it says so itself */
function dpop({ given: { nonces }, request: { proofs, method, uri, token, now, signature_ok }, want }) {
  let proof
  try {
    proof = new gate.ProofModule(proofs, method, uri, token, nonces, now)
    proof.finish(signature_ok)
    assert.deepEqual({ accepted: true, thumbprint: proof.thumbprint() }, want)
  } catch (refusal) {
    if (refusal instanceof assert.AssertionError) throw refusal
    assert.deepEqual({ accepted: false, error: refusal.error }, want)
  }
}

function enforcer({ given: { config, exp, permissions, claims }, request, want }) {
  const { method, target, now, found, relative_path: relativePath, remote_addr: remoteAddr, body = '', ...more } = request
  let module
  try {
    module = new gate.EnforcerModule(Buffer.from(JSON.stringify(config)))
  } catch (error) {
    // The one rule that is not served here: claims of other services.
    if (/claim-information-point.http/.test(error.message)) return
    assert.deepEqual({ error: error.message }, want)
    return
  }
  const authorization = permissions === undefined ? {} : { authorization: { permissions } }
  const rpt = exp === undefined ? undefined : withRpt(gate, { exp, ...authorization, ...claims }, 0)
  const guard = rpt?.module ?? new gate.GuardModule('as', 'rs', 0)
  const asked = { method, target, relativePath, remoteAddr, accessToken: rpt?.token, ...more }
  for (const [name, value] of Object.entries(asked)) if (value === undefined) delete asked[name]
  const said = module.decide(guard, rpt?.handle ?? -1, asked, Buffer.from(body), found, now)
  const { code, message, permission, location, answer, ...seen } = said
  if (answer !== undefined) seen.answer = answer === 'redirect' ? { redirect: location } : answer
  assert.deepEqual(seen, want)
}
