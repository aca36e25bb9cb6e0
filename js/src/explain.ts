import { fromBase64Url } from './bytes.js'
import { CountersignError } from './errors.js'
import { createGuard } from './guard.js'
import { allowInsecureRequests } from './http.js'
import type { Explanation } from './types.js'

/** What is asked of a token, offline */
export interface TokenQuestion {
  /** The text of a key set; without it nothing is verified */
  readonly jwks?: string | undefined
  /** Who has to have issued it; whoever it says, by default */
  readonly issuer?: string | undefined
  /** Whom it has to be for; whomever it says first, by default */
  readonly audience?: string | undefined
  /** Whether it permits this */
  readonly resource?: string | undefined
  readonly scopes?: readonly string[] | undefined
}

/** What a token says, and whether anybody vouches for it */
export interface TokenExplanation {
  readonly verified: boolean
  /** Whether it permits what was asked, if that was asked and it is verified */
  readonly permitted: boolean | undefined
  /** Why it is not verified, or does not permit what was asked: one of `DENIAL_CODES` */
  readonly code: string | undefined
  readonly reason: string | undefined
  /** As they stand there; believe them only if it is verified */
  readonly claims: Readonly<Record<string, unknown>>
  readonly permissions: readonly SaidPermission[]
}

/** A permission as a token says it, which may be anything where it is not verified */
export interface SaidPermission {
  readonly rsid?: unknown
  readonly rsname?: unknown
  readonly scopes?: unknown
  readonly exp?: unknown
}

/** Says what a token permits, and whether it is verified. Nobody is asked. */
export async function explainToken(
  token: string,
  question: TokenQuestion = {},
  now: number = Math.floor(Date.now() / 1_000),
): Promise<TokenExplanation> {
  const claims = claimsOf(token)
  if (claims === undefined) {
    return { verified: false, permitted: undefined, code: 'invalid_token', reason: 'this is no token', claims: {}, permissions: [] }
  }
  const { jwks, resource } = question
  if (jwks === undefined) {
    const permissions = permissionsOf(claims)
    return { verified: false, permitted: undefined, code: undefined, reason: 'no keys were given', claims, permissions }
  }
  const explanation = await verified(token, claims, jwks, question, now)
  const isVerified = explanation.expiresAt !== undefined
  const isAll = isVerified && resource === undefined
  return {
    verified: isVerified,
    permitted: resource === undefined ? undefined : explanation.permitted,
    code: isAll ? undefined : explanation.code,
    reason: explanation.permitted || isAll ? undefined : explanation.message,
    claims,
    permissions: isVerified ? explanation.permissions : permissionsOf(claims),
  }
}

async function verified(
  token: string,
  claims: Readonly<Record<string, unknown>>,
  jwks: string,
  { issuer = String(claims['iss']), audience = String([claims['aud']].flat()[0]), resource = '', scopes = [] }: TokenQuestion,
  now: number,
): Promise<Explanation> {
  const guard = await createGuard({
    issuer,
    audience,
    // Nobody is asked.
    withdrawals: 'none',
    [allowInsecureRequests]: true,
    fetch: () => Promise.reject(new TypeError('offline')),
    clock: () => now * 1_000,
    state: { version: 1, issuer, jwksUri: issuer, jwks, fetchedAt: now },
  })
  if (guard.exportState() === undefined) throw new CountersignError('invalid_keys', 'this is no key set')
  return guard.explain({ token, resource, scopes })
}

function claimsOf(token: string): Record<string, unknown> | undefined {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64Url(token.split('.')[1] ?? '')))
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims) ? { ...claims } : undefined
  } catch {
    return undefined
  }
}

function permissionsOf(claims: Readonly<Record<string, unknown>>): SaidPermission[] {
  const authorization = claims['authorization'] as { permissions?: unknown } | null | undefined
  const permissions = typeof authorization === 'object' ? authorization?.permissions : undefined
  return Array.isArray(permissions) ? permissions.filter((entry) => typeof entry === 'object' && entry !== null) : []
}
