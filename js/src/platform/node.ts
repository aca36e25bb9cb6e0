import { readFileSync } from 'node:fs'

import * as bindings from '../wasm/guard.js'
import type { GateEngine, GuardEngine } from './types.js'

export { verifier } from './signature-node.js'

let guard: GuardEngine | undefined
let gate: GateEngine | undefined

function compiled(name: string): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(new URL(`../wasm/${name}_bg.wasm`, import.meta.url)))
}

/** The small module, compiled at the first use */
export function guardNow(): GuardEngine {
  guard ??= { bindings, memory: bindings.initSync({ module: compiled('guard') }).memory }
  return guard
}

export function loadGuard(): Promise<GuardEngine> {
  return Promise.resolve(guardNow())
}

export async function loadGate(): Promise<GateEngine> {
  const large = await import('../wasm/gate.js')
  gate ??= { bindings: large, memory: large.initSync({ module: compiled('gate') }).memory }
  return gate
}
