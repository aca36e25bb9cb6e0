import { readFileSync } from 'node:fs'

import * as bindings from './wasm/guard.js'

export type { GuardModule } from './wasm/guard.js'

let instance: bindings.InitOutput | undefined
let view: Buffer | undefined

/** The decision module, compiled at the first use; importing this package has no effect. */
export function engine(): typeof bindings {
  if (instance === undefined) {
    const bytes = readFileSync(new URL('./wasm/guard_bg.wasm', import.meta.url))
    instance = bindings.initSync({ module: new WebAssembly.Module(bytes) })
  }
  return bindings
}

/** The module's memory as it is now; it moves when it grows. */
export function memory(): Buffer {
  if (view === undefined || view.byteLength === 0) {
    engine()
    view = Buffer.from(instance!.memory.buffer)
  }
  return view
}
