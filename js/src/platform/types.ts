import type * as gate from '../wasm/gate.js'
import type * as guard from '../wasm/guard.js'
import type * as pdp from '../wasm/pdp.js'

/** A module that is ready, with its memory */
export interface Loaded<Bindings> {
  readonly bindings: Bindings
  readonly memory: WebAssembly.Memory
}

/** The small module: tokens, permissions, challenges */
export type GuardEngine = Loaded<typeof guard>

/** The large module: the small one, with the rules of Keycloak's policy enforcer and DPoP proofs */
export type GateEngine = Loaded<typeof gate>

/** The full module: signatures checked inside, owners' policies, shares */
export type PdpEngine = Loaded<typeof pdp>

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

/** How a guard hears of withdrawals if it is not told */
export type Follows = 'stream' | 'list'

/** Opens a stream of server-sent events; rejects where the answer is none. */
export type OpenStream = (
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<AsyncIterable<Uint8Array>>

/** What differs between Node, Workers and browsers */
export interface Platform {
  /** The small module; at once where the platform lets it be compiled in one go */
  guardNow(): GuardEngine | undefined
  loadGuard(): Promise<GuardEngine>
  loadGate(): Promise<GateEngine>
  readonly follows: Follows
  /** None where nothing outlives a request */
  readonly openStream: OpenStream | undefined
  /** Makes a verifier of a JWK; none where the platform finds fault with it, such as a point off the curve. */
  verifier(jwk: Jwk): Promise<Verifier | undefined> | Verifier | undefined
}
