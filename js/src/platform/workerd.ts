import * as bindings from '../wasm/guard.js'
// Workers hand over a compiled module, and compile none at run time.
import module from '../wasm/guard_bg.wasm'
import type { Follows, GateEngine, GuardEngine, OpenStream } from './types.js'

export { verifier } from './signature-web.js'

/** A Worker lives as long as its request. */
export const follows: Follows = 'list'

/** None: what one request has opened, no other may read. */
export const openStream: OpenStream | undefined = undefined

let guard: GuardEngine | undefined
let gate: GateEngine | undefined

export function guardNow(): GuardEngine {
  guard ??= { bindings, memory: bindings.initSync({ module }).memory }
  return guard
}

export function loadGuard(): Promise<GuardEngine> {
  return Promise.resolve(guardNow())
}

export async function loadGate(): Promise<GateEngine> {
  const [large, { default: code }] = await Promise.all([import('../wasm/gate.js'), import('../wasm/gate_bg.wasm')])
  gate ??= { bindings: large, memory: large.initSync({ module: code }).memory }
  return gate
}
