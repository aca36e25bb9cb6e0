import { engine } from './engine.js'
import { thrown } from './errors.js'

/** A UMA challenge: ask this authorization server with this ticket (UMA Grant §3.2.1) */
export interface Challenge {
  readonly realm?: string
  /** The issuer of the authorization server; trust it for another reason than this challenge */
  readonly as_uri: string
  readonly ticket: string
}

/**
 * The value of `WWW-Authenticate` for an answer 401.
 *
 * @example
 * challenge({ realm: 'documents', as_uri: issuer, ticket })
 * // UMA realm="documents",as_uri="https://as.example/realms/demo",ticket="…"
 */
export function challenge({ realm, as_uri, ticket }: Required<Challenge>): string {
  try {
    return engine().challenge(realm, as_uri, ticket)
  } catch (reason) {
    throw thrown(reason)
  }
}

/** The first UMA challenge in the values of the `WWW-Authenticate` headers of an answer (RFC 9110 §11.6.1) */
export function findChallenge(values: string | readonly string[]): Challenge | undefined {
  try {
    return engine().find_challenge(typeof values === 'string' ? [values] : [...values]) as Challenge | undefined
  } catch (reason) {
    throw thrown(reason)
  }
}

/** The value of `Warning` for an answer 403 where no ticket can be had (UMA Grant §3.2.2) */
export const UNREACHABLE_WARNING = '199 - "UMA Authorization Server Unreachable"'
