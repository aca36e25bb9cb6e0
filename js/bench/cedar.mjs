// Looks one permission up among many, in our module and in Cedar's: user `bob` may read each of so many documents.
// Ours has the permissions of an RPT, Cedar has policies that were parsed before. Prints one JSON array of rows.
import { readFileSync } from 'node:fs'

import * as cedar from '@cedar-policy/cedar-wasm/nodejs'

import { ModuleMemory } from '../dist/module-memory.js'
import { GuardModule, initSync } from '../dist/wasm/guard.js'

const SIZES = [1, 10, 100, 1_000]
const ROUNDS = Number(process.env.ROUNDS ?? 101)
const WARM_UP = 10
/** A round is so many calls that it takes about as long, in nanoseconds: short, so that a busy machine spoils few */
const ROUND = 1_000_000n
const BUDGET = 2
const NOW = 1_800_000_000

const SCOPES = ['read']

const { memory } = initSync({ module: new WebAssembly.Module(readFileSync(new URL('../dist/wasm/guard_bg.wasm', import.meta.url))) })

const document = (number) => `doc-${number}`

/** The module with an RPT of so many permissions; the one in the middle is asked for */
function ours(size) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const permissions = Array.from({ length: size }, (_, number) => ({ rsid: document(number), scopes: ['read'] }))
  const claims = { iss: 'https://as.example', aud: 'documents', typ: 'Bearer', exp: NOW + 60, authorization: { permissions } }
  const module = new GuardModule('https://as.example', 'documents', 0)
  const key = { kty: 'OKP', crv: 'Ed25519', kid: 'k', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  module.set_keys(Buffer.from(JSON.stringify({ keys: [key] })))
  const token = `${encode({ alg: 'EdDSA', typ: 'JWT', kid: 'k' })}.${encode(claims)}.${Buffer.alloc(64).toString('base64url')}`
  const handle = module.begin_text(token, NOW)
  // The signature is of no interest here.
  if (!module.finish(handle, true)) throw new Error(module.refusal().message)
  const asked = new ModuleMemory(module, memory)
  return (resource) => asked.permits(handle, false, resource, SCOPES, NOW) >= 0 && asked.granted(resource, SCOPES).rsid === resource
}

/** Cedar with so many policies */
function peer(size) {
  const policy = (number) =>
    `permit(principal == User::"bob", action == Action::"read", resource == Document::"${document(number)}");`
  const name = `policies-${size}`
  const policies = Array.from({ length: size }, (_, number) => policy(number)).join('\n')
  const parsed = cedar.preparsePolicySet(name, { staticPolicies: policies })
  if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed.errors))
  return (resource) => {
    const answer = cedar.statefulIsAuthorized({
      principal: { type: 'User', id: 'bob' }, action: { type: 'Action', id: 'read' }, resource: { type: 'Document', id: resource },
      context: {}, preparsedPolicySetId: name, entities: [],
    })
    return answer.type === 'success' && answer.response.decision === 'allow'
  }
}

/** The medians over the rounds of the time of one call, in microseconds; all take turns in every round */
function measure(contenders) {
  const turn = (contender) => {
    const begin = process.hrtime.bigint()
    for (let call = 0; call < contender.calls; call += 1) if (!contender.call()) throw new Error('not granted')
    return process.hrtime.bigint() - begin
  }
  const all = contenders.map((call) => ({ call, calls: 1, times: [] }))
  for (const contender of all) while (turn(contender) < ROUND) contender.calls *= 2
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const place of all.keys()) {
      const contender = all[(place + round + WARM_UP) % all.length]
      const took = turn(contender)
      if (round >= 0) contender.times.push(Number(took) / 1_000 / contender.calls)
    }
  }
  return all.map(({ times }) => times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)])
}

const round = (value) => Math.round(value * 1_000) / 1_000
// Modules are compiled well only after a while, in the background: the first pass over all sizes does not count.
const rows = [...SIZES, ...SIZES].map((size) => {
  const [guard, authorizer] = [ours(size), peer(size)]
  const asked = document(Math.floor(size / 2))
  if (guard('doc-x') || authorizer('doc-x')) throw new Error('nobody may read this')
  const [value, peerValue] = measure([() => guard(asked), () => authorizer(asked)])
  return {
    name: `Permission lookup in the module, permissions: ${size}`, value: round(value), unit: 'µs', higher_is_better: false,
    budget: BUDGET, peer: 'cedar-wasm', peer_value: round(peerValue),
  }
})
console.log(JSON.stringify(rows.slice(SIZES.length), null, 2))
