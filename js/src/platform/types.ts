import type * as gate from '../wasm/gate.js'
import type * as guard from '../wasm/guard.js'

/** A module that is ready, with its memory */
export interface Loaded<Bindings> {
  readonly bindings: Bindings
  readonly memory: WebAssembly.Memory
}

/** The small module: tokens, permissions, challenges */
export type GuardEngine = Loaded<typeof guard>

/** The large module: the small one, with the rules of Keycloak's policy enforcer and DPoP proofs */
export type GateEngine = Loaded<typeof gate>

/** A public key as the module lists it */
export interface Jwk {
  readonly kty: string
  readonly alg: string
  readonly crv?: string
  readonly n?: string
  readonly e?: string
  readonly x?: string
  readonly y?: string
}

/** Whether a signature over these bytes is right under the key that this was made of. An error is a no. */
export type Verifier = (signed: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>

/** What differs between Node, Workers and browsers */
export interface Platform {
  /** The small module; at once where the platform lets it be compiled in one go */
  guardNow(): GuardEngine | undefined
  loadGuard(): Promise<GuardEngine>
  loadGate(): Promise<GateEngine>
  /** Makes a verifier of a JWK; none where the platform finds fault with it, such as a point off the curve. */
  verifier(jwk: Jwk): Promise<Verifier | undefined> | Verifier | undefined
}
