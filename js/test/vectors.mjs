// The vectors that all engines share, through the built package: kinds `token`, `permits`, `challenge`, `dpop`, `enforcer`
// and `status`; those of kind `assess`, and `token` once more, are run through the full module in `pdp.test.mjs`.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { loadGate } from '../dist/platform/node.js'
import { check, KINDS, withRpt } from './runtimes/vectors.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'tests', 'vectors')
/** Kinds of other engines; a kind that is nowhere listed is an error. */
const OTHERS = new Set(['assess', 'dialect'])
const RUNNERS = { ...Object.fromEntries(KINDS.map((kind) => [kind, check])), dpop, enforcer, status }

const gate = (await loadGate()).bindings

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

/** What is taken back and what has no place are one to a guard. */
function status({ given: { issuer, uri, keys }, request: { token, now, signature_ok, idx = [] }, want }) {
  const guard = new gate.GuardModule(issuer, 'rs', 0)
  guard.set_keys(Buffer.from(JSON.stringify(keys)))
  const list = new gate.WithdrawalModule(issuer, uri, false, false, 60)
  let accepted
  try {
    accepted = list.take(list.begin(guard, Buffer.from(token), now, now), signature_ok)
  } catch {
    accepted = false
  }
  assert.equal(accepted, want.accepted)
  if (!accepted) return
  const standings = idx.map((place) => (place < 2 ** 32 ? list.standing(place, now) : 1))
  assert.deepEqual(standings, want.status.map((name) => ({ valid: 0, narrowed: 3 })[name] ?? 1))
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
