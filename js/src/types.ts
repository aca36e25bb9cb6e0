import type { DenialCode } from './errors.js'

/** A permission of an RPT, with the wire's names */
export interface Permission {
  /** Id of the resource */
  readonly rsid?: string
  /** Its name, unique only per owner */
  readonly rsname?: string
  /** The resource server owns the resource */
  readonly rsowned?: boolean
  readonly scopes?: readonly string[]
  /** Pushed claims that the decision was made with */
  readonly claims?: Readonly<Record<string, readonly string[]>>
  readonly exp?: number
  readonly nbf?: number
}

/** The claims of a verified RPT, with the wire's names */
export interface RptClaims {
  readonly iss: string
  readonly exp: number
  readonly sub?: string
  readonly azp?: string
  readonly aud?: string | readonly string[]
  readonly jti?: string
  readonly iat?: number
  readonly sid?: string
  readonly scope?: string
  readonly [name: string]: unknown
}

/** What is asked of a guard: may the bearer of this token do this? */
export interface Request {
  /** The token as it came, without `Bearer`. None denies. */
  readonly token: string | undefined
  /** Id of the resource, as the authorization server gave it. Neither id nor name denies. */
  readonly resource?: string | undefined
  /** Instead of `resource`: the name of a resource that the resource server itself owns */
  readonly resourceName?: string | undefined
  /** All of these are needed; none named asks for any permission on the resource */
  readonly scopes?: readonly string[] | undefined
  /** The token came with the scheme `DPoP`: the proof of its key. The guard needs the option `dpop`. */
  readonly dpop?: DpopRequest | undefined
  /** Asks the authorization server what the token permits now. The guard needs the option `introspection`. */
  readonly fresh?: boolean | undefined
}

/** What a DPoP proof has to be for (RFC 9449 §4.3) */
export interface DpopRequest {
  /** The values of all `DPoP` headers of the request; there has to be exactly one */
  readonly proofs: readonly string[]
  /** The request's method */
  readonly method: string
  /** The request's URL as its client sees it: made from configuration, never from a header that anybody can send */
  readonly url: string
}

/** Yes */
export interface Permitted {
  readonly permitted: true
  /** Everything that the token permits on the resource */
  readonly permission: Permission
  /** The claims of the token */
  readonly rpt: RptClaims
}

/** No */
export interface Denied {
  readonly permitted: false
  readonly code: DenialCode
  /** For the log of the resource server, not for the client */
  readonly message: string
}

export type Answer = Permitted | Denied

/** An answer and what it was made from, for people who look for a fault */
export interface Explanation {
  readonly permitted: boolean
  readonly code?: DenialCode
  readonly message: string
  /** What the token permits at all; empty where its signature was not verified */
  readonly permissions: readonly Permission[]
  /** Last second of the token, where its signature was verified */
  readonly expiresAt?: number
}
