import { compiled } from './node.js'
import type { PdpEngine } from './types.js'

let pdp: PdpEngine | undefined

/** The full module, which nobody carries along who does not ask for it */
export async function loadPdp(): Promise<PdpEngine> {
  const full = await import('../wasm/pdp.js')
  pdp ??= { bindings: full, memory: full.initSync({ module: compiled('pdp') }).memory }
  return pdp
}
