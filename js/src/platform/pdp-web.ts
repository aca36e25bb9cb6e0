import type { PdpEngine } from './types.js'

let pdpFlight: Promise<PdpEngine> | undefined

/** The full module, which nobody carries along who does not ask for it */
export function loadPdp(): Promise<PdpEngine> {
  pdpFlight ??= (async () => {
    const bindings = await import('../wasm/pdp.js')
    const url = new URL('../wasm/pdp_bg.wasm', import.meta.url)
    return { bindings, memory: (await bindings.default({ module_or_path: url })).memory }
  })().catch((error: unknown) => {
    pdpFlight = undefined
    throw error
  })
  return pdpFlight
}
