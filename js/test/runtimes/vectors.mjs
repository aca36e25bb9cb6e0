// The shared vectors that the npm package serves, with nothing but what every runtime has. The platform is the runtime's own:
// by the conditions of the package, as whoever imports it gets it.
import { loadGate, loadGuard } from '#platform'

import { challenge, createGuard, findChallenge } from '../../dist/index.js'
import { engine, ready } from '../../dist/engine.js'
import { ModuleMemory } from '../../dist/module-memory.js'
import { createPdp, loadAssess } from '../../dist/pdp.js'

const bytes = (value) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const encoded = (value) => btoa(Array.from(bytes(value), (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

/** With members in one order, so that two values are the same if their texts are */
function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.keys(value).sort().filter((name) => value[name] !== undefined).map((name) => [name, ordered(value[name])]))
}
function same(seen, want) {
  const [one, other] = [JSON.stringify(ordered(seen)), JSON.stringify(ordered(want))]
  if (one !== other) throw new Error(`seen ${one}, wanted ${other}`)
}

/** A module with an RPT of these claims, whose signature is taken for granted */
function withRpt(bindings, claims, now) {
  const module = new bindings.GuardModule('as', 'rs', 0)
  const key = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  module.set_keys(bytes({ keys: [key] }))
  const all = { iss: 'as', aud: 'rs', typ: 'Bearer', ...claims }
  const token = [encoded({ alg: 'EdDSA', typ: 'JWT' }), encoded(all), 'A'.repeat(86)].join('.')
  const handle = module.begin_text(token, now)
  if (handle < 0 || !module.finish(handle, true)) throw new Error(`no token for ${JSON.stringify(claims)}`)
  return { module, handle, token }
}

/** By the module alone on the word of the vector, by the whole guard with the platform's cryptography, and inside the full module */
async function token({ given: { issuer, audience, leeway, keys }, request, want }) {
  const module = new (engine().GuardModule)(issuer, audience, leeway)
  module.set_keys(bytes(keys))
  const handle = module.begin_text(request.token, request.now)
  if (handle >= 0 && module.finish(handle, request.signature_ok)) {
    same({ accepted: true, sub: want.sub, expires_at: module.expires_at(handle) }, want)
  } else {
    same({ accepted: false, code: module.refusal().code }, want)
  }
  const fetch = () => Promise.reject(new TypeError('nobody is asked'))
  const state = { version: 1, issuer, jwksUri: issuer, jwks: JSON.stringify(keys), fetchedAt: request.now }
  const guard = await createGuard({ issuer, audience, leeway, fetch, state, withdrawals: 'none', clock: () => request.now * 1_000 })
  const answer = await guard.check({ token: request.token, resource: '42', scopes: ['read'] })
  same(answer.permitted ? answer.rpt.sub : answer.code, want.accepted ? want.sub : want.code)
  const pdp = await createPdp({ issuer, audience, leeway, keys, clock: () => request.now * 1_000 })
  const inside = pdp.check({ token: request.token, resource: '42', scopes: ['read'] })
  same(inside.permitted ? inside.rpt.sub : inside.code, want.accepted ? want.sub : want.code)
}

async function assess({ given, request, want }) {
  same((await loadAssess())({ ...given, ...request }), want)
}

/** On the word of the vector that a signature is right, and never without the platform's where it says so itself */
async function dpop({ given: { nonces }, request: { proofs, method, uri, token, now, signature_ok }, want }) {
  const { bindings } = await loadGate()
  let seen
  try {
    const proof = new bindings.ProofModule(proofs, method, uri, token, nonces, now)
    proof.finish(signature_ok)
    seen = { accepted: true, thumbprint: proof.thumbprint() }
  } catch (refusal) {
    seen = { accepted: false, error: refusal.error }
  }
  same(seen, want)
}

/** What is taken back and what has no place are one to a guard. */
async function status({ given: { issuer, uri, keys }, request: { token, now, signature_ok, idx = [] }, want }) {
  const { bindings } = await loadGate()
  const guard = new bindings.GuardModule(issuer, 'rs', 0)
  guard.set_keys(bytes(keys))
  const list = new bindings.WithdrawalModule(issuer, uri, false, false, 60)
  let accepted
  try {
    accepted = list.take(list.begin(guard, bytes(token), now, now), signature_ok)
  } catch {
    accepted = false
  }
  same(accepted, want.accepted)
  if (!accepted) return
  const standings = idx.map((place) => (place < 2 ** 32 ? list.standing(place, now) : 1))
  same(standings, want.status.map((name) => ({ valid: 0, narrowed: 3 })[name] ?? 1))
}

async function enforcer({ given: { config, exp, permissions, claims }, request, want }) {
  const { bindings } = await loadGate()
  const { method, target, now, found, relative_path: relativePath, remote_addr: remoteAddr, body = '', ...more } = request
  let module
  try {
    module = new bindings.EnforcerModule(bytes(config))
  } catch (error) {
    return same({ error: error.message }, want)
  }
  const authorization = permissions === undefined ? {} : { authorization: { permissions } }
  const rpt = exp === undefined ? undefined : withRpt(bindings, { exp, ...authorization, ...claims }, 0)
  const guard = rpt?.module ?? new bindings.GuardModule('as', 'rs', 0)
  const asked = { method, target, relativePath, remoteAddr, accessToken: rpt?.token, ...more }
  for (const [name, value] of Object.entries(asked)) if (value === undefined) delete asked[name]
  const said = module.decide(guard, rpt?.handle ?? -1, asked, bytes(body), found, [], now)
  const { code, message, permission, location, answer, ...seen } = said
  if (answer !== undefined) seen.answer = answer === 'redirect' ? { redirect: location } : answer
  same(seen, want)
}

async function permits({ given: { permissions, exp }, request: { resource, resource_name, scopes, now }, want }) {
  const { bindings, memory } = await loadGuard()
  const { module, handle } = withRpt(bindings, { exp, authorization: { permissions } }, Math.min(now, exp))
  const asked = new ModuleMemory(module, memory)
  const until = asked.permits(handle, resource === undefined, resource ?? resource_name, scopes, now)
  if (until < 0) same({ permitted: false, code: module.refusal().code }, want)
  else same({ permitted: true, scopes: asked.granted(resource, scopes).scopes ?? [], until }, want)
}

function challenges({ request: { build, find }, want }) {
  let seen
  try {
    seen = build ? { header: challenge(build) } : { challenge: findChallenge(find) ?? null }
  } catch (error) {
    seen = { code: error.code }
  }
  same(seen, want)
}

const RUNNERS = { token, permits, challenge: challenges, dpop, enforcer, status, assess }

/** Kinds that the package answers; `dialect`, how a server words its answers, is the server's own */
export const KINDS = Object.keys(RUNNERS)

/** Throws where the answer to a vector is another than it wants. */
export function check(vector) {
  return RUNNERS[vector.kind](vector)
}

/** All tokens of one issuer at once, by one guard: while the platform verifies one, others come. */
async function together(vectors) {
  const groups = Map.groupBy?.(vectors, groupOf) ?? new Map(vectors.map((vector) => [groupOf(vector), vectors.filter((other) => groupOf(other) === groupOf(vector))]))
  for (const [, group] of groups) {
    const { given: { issuer, audience, leeway, keys }, request: { now } } = group[0]
    const state = { version: 1, issuer, jwksUri: issuer, jwks: JSON.stringify(keys), fetchedAt: now }
    const guard = await createGuard({ issuer, audience, leeway, state, withdrawals: 'none', fetch: () => Promise.reject(new TypeError('no')), clock: () => now * 1_000 })
    const asked = [...group, ...group]
    const answers = await Promise.all(asked.map(({ request: { token } }) => guard.check({ token, resource: '42', scopes: ['read'] })))
    const codes = answers.map((answer) => (answer.permitted ? answer.rpt.sub : answer.code))
    same(codes, asked.map(({ want }) => (want.accepted ? want.sub : want.code)))
  }
}
const groupOf = ({ given, request }) => JSON.stringify([given, request.now])

/** Runs them all and tells how many were right, and what was wrong with the others. */
export async function run(vectors) {
  await ready()
  const failures = []
  await together(vectors.filter(({ kind }) => kind === 'token')).catch((error) => failures.push(`together: ${error.message}`))
  for (const vector of vectors) {
    try {
      await check(vector)
    } catch (error) {
      failures.push(`${vector.kind}: ${vector.note}: ${error.message}`)
    }
  }
  return { passed: vectors.length - failures.length, failures }
}
