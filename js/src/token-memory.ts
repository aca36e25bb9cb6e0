import type { GateEngine, GuardEngine } from './platform/types.js'
import type { Proof } from './proofs.js'

type GuardModule = InstanceType<GuardEngine['bindings']['GuardModule']>
type LargeModule = InstanceType<GateEngine['bindings']['GuardModule']>

const encoder = new TextEncoder()

/**
 * What crosses between JavaScript and a module when a token is verified: its text goes in, what is signed and the signature
 * come out, as bytes of the module's own memory. They are good until the module is called again.
 */
export class TokenMemory {
  readonly #module: GuardModule
  readonly #memory: WebAssembly.Memory
  #view: Uint8Array = new Uint8Array()
  /** Where the token that was begun last stands, or 0 */
  #writtenAt = 0

  constructor(module: GuardModule, memory: WebAssembly.Memory) {
    this.#module = module
    this.#memory = memory
  }

  /** Checks everything of a token but its signature: a handle, or -1 and a refusal. */
  begin(token: string, now: number): number {
    // Written into the module's memory, which is faster than wasm-bindgen's way for a text of this length.
    const at = this.#module.input(token.length)
    this.#writtenAt = 0
    if (at > 0) {
      const { read, written } = encoder.encodeInto(token, this.#bytes(at, token.length))
      if (read === token.length && written === token.length) {
        this.#writtenAt = at
        return this.#module.begin(now)
      }
    }
    // Too long, or not ASCII: the module says why.
    return this.#module.begin_text(token, now)
  }

  /** The same for a token with the proof of its key, which only the larger module knows. */
  beginHeld(token: string, proof: Proof, now: number): number {
    this.#writtenAt = 0
    return (this.#module as LargeModule).begin_held(token, proof, now)
  }

  /** What the signature of the token that was begun last is over: from where it was written, if it was */
  signed(token: string): Uint8Array {
    const length = token.lastIndexOf('.')
    return this.#writtenAt > 0 ? this.#bytes(this.#writtenAt, length) : encoder.encode(token.slice(0, length))
  }

  signature(handle: number): Uint8Array {
    return this.#bytes(this.#module.signature_at(handle), this.#module.signature_length(handle))
  }

  /** The memory as it is now; it moves when it grows. */
  #bytes(at: number, length: number): Uint8Array {
    if (this.#view.byteLength === 0) this.#view = new Uint8Array(this.#memory.buffer)
    return this.#view.subarray(at, at + length)
  }
}
