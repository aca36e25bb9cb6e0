import { readFileSync } from 'node:fs'

import * as bindings from '../wasm/guard.js'
import { isStream } from '../events.js'
import type { Follows, GateEngine, GuardEngine, OpenStream } from './types.js'

export { verifier } from './signature-node.js'

/** A process stays, and can listen. */
export const follows: Follows = 'stream'

let guard: GuardEngine | undefined
let gate: GateEngine | undefined

/** One of the modules that stand beside this */
export function compiled(name: string): WebAssembly.Module {
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

/** By `node:http`, whose socket does not keep the process alive; redirects are not followed. */
export const openStream: OpenStream = async (url, headers, signal) => {
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { ...headers }, signal, agent: false }, (response) => {
      if (isStream(response.statusCode, response.headers['content-type'])) return resolve(response)
      response.destroy()
      reject(new TypeError('no stream of events'))
    })
    request.on('error', reject)
    request.on('socket', (socket) => socket.unref?.())
  })
}
