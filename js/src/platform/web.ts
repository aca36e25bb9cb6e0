import { fetchStream } from '../events.js'
import type { Follows, GateEngine, GuardEngine, OpenStream } from './types.js'

export { verifier } from './signature-web.js'

/** A page comes and goes. */
export const follows: Follows = 'list'

export const openStream: OpenStream = (url, headers, signal) => fetchStream(fetch, url, headers, signal)

let guard: GuardEngine | undefined
let guardFlight: Promise<GuardEngine> | undefined
let gateFlight: Promise<GateEngine> | undefined

/** The small module if it has been loaded: a page fetches it only when it is needed. */
export function guardNow(): GuardEngine | undefined {
  return guard
}

export function loadGuard(): Promise<GuardEngine> {
  guardFlight ??= (async () => {
    const bindings = await import('../wasm/guard.js')
    const url = new URL('../wasm/guard_bg.wasm', import.meta.url)
    guard = { bindings, memory: (await bindings.default({ module_or_path: url })).memory }
    return guard
  })().catch((error: unknown) => {
    guardFlight = undefined
    throw error
  })
  return guardFlight
}

export function loadGate(): Promise<GateEngine> {
  gateFlight ??= (async () => {
    const bindings = await import('../wasm/gate.js')
    const url = new URL('../wasm/gate_bg.wasm', import.meta.url)
    return { bindings, memory: (await bindings.default({ module_or_path: url })).memory }
  })().catch((error: unknown) => {
    gateFlight = undefined
    throw error
  })
  return gateFlight
}
