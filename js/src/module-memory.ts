import type { GateEngine, GuardEngine, PdpEngine } from './platform/types.js'
import type { Proof } from './proofs.js'
import type { Permission } from './types.js'

type Engine = GuardEngine | GateEngine | PdpEngine
type GuardModule = InstanceType<Engine['bindings']['GuardModule']>
type LargeModule = InstanceType<GateEngine['bindings']['GuardModule']>

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const EQUALS = 0x3d
const LETTER_N = 0x6e

/**
 * What crosses between JavaScript and a module when a token is checked, as bytes of the module's own memory: its text and
 * what is asked go in; what is signed, the signature, and what is permitted come out. They are good until the module is
 * called again.
 */
export class ModuleMemory {
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
    if (at > 0 && this.#write(token, at, token.length) === token.length) {
      this.#writtenAt = at
      return this.#module.begin(now)
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

  /** Whether the RPT of a handle permits all scopes on a resource: the last second of this answer, or -1 and a refusal. */
  permits(handle: number, isName: boolean, resource: string, scopes: readonly string[], now: number): number {
    let asked = resource
    for (const scope of scopes) {
      if (typeof scope !== 'string') throw new TypeError('a scope is no text')
      asked += `\0${scope}`
    }
    // UTF-8 has at most three bytes for each unit of UTF-16.
    const most = asked.length * 3
    const at = this.#module.input(most)
    this.#writtenAt = 0
    const length = at > 0 ? this.#write(asked, at, most) : -1
    return isName
      ? this.#module.permits_named(handle, length, scopes.length, now)
      : this.#module.permits(handle, length, scopes.length, now)
  }

  /** Why the last answer was no */
  refusal(): unknown {
    return this.#module.refusal()
  }

  /** The permission of the last yes, which was for the resource of this id, if it was for an id, with these scopes */
  granted(rsid: string | undefined, asked: readonly string[]): Permission {
    const at = rsid === undefined ? 0 : this.#module.granted_at()
    if (at === 0) return this.#module.granted() as Permission
    const end = at + this.#module.granted_length()
    const view = this.#bytesNow()
    let rsname = this.#text(at + 2, end)
    let scopes = asked.slice()
    if (view[at] !== EQUALS) [rsname = '', ...scopes] = rsname.split('\0')
    const permission: { rsid: string; rsname?: string; scopes?: string[] } = { rsid: rsid as string }
    if (view[at + 1] === LETTER_N) permission.rsname = rsname
    if (scopes.length > 0) permission.scopes = scopes
    return permission
  }

  /** A text of the memory. Character by character is faster than a decoder where it is short. */
  #text(at: number, end: number): string {
    const view = this.#bytesNow()
    let text = ''
    for (let next = at; next < end; next += 1) {
      const byte = view[next] as number
      if (byte > 0x7f || next - at > 64) return decoder.decode(view.subarray(at, end))
      text += String.fromCharCode(byte)
    }
    return text
  }

  /** How many bytes a text has there, all of which there is room for */
  #write(text: string, at: number, room: number): number {
    const { read, written } = encoder.encodeInto(text, this.#bytes(at, room))
    return read === text.length ? written : -1
  }

  #bytes(at: number, length: number): Uint8Array {
    return this.#bytesNow().subarray(at, at + length)
  }

  /** The memory as it is now; it moves when it grows. */
  #bytesNow(): Uint8Array {
    if (this.#view.byteLength === 0) this.#view = new Uint8Array(this.#memory.buffer)
    return this.#view
  }
}
