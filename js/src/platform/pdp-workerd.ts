import type { PdpEngine } from './types.js'

let pdp: PdpEngine | undefined

/** The full module, which nobody carries along who does not ask for it */
export async function loadPdp(): Promise<PdpEngine> {
  const [full, { default: code }] = await Promise.all([import('../wasm/pdp.js'), import('../wasm/pdp_bg.wasm')])
  pdp ??= { bindings: full, memory: full.initSync({ module: code }).memory }
  return pdp
}
