import { fromBase64Url } from '../bytes.js'
import { createGuard } from '../guard.js'
import { allowInsecureRequests } from '../http.js'
import type { Explanation } from '../types.js'

/** What is asked of a token, offline */
export interface ExplainOptions {
  /** The text of a key set; without it nothing is verified */
  readonly jwks: string | undefined
  readonly issuer: string | undefined
  readonly audience: string | undefined
  readonly resource: string | undefined
  readonly scopes: readonly string[] | undefined
  readonly json: boolean
}

interface Said {
  readonly verified: boolean
  /** Why it is not verified, or does not permit what was asked */
  readonly reason: string | undefined
  readonly code: string | undefined
  readonly permitted: boolean | undefined
  readonly claims: Readonly<Record<string, unknown>>
  readonly permissions: readonly Shown[]
}

interface Shown {
  readonly rsid?: unknown
  readonly rsname?: unknown
  readonly scopes?: unknown
  readonly exp?: unknown
}

/** Says what a token permits, and whether anybody vouches for it. */
export async function explain(token: string, options: ExplainOptions, now: number): Promise<{ text: string; isGood: boolean }> {
  const claims = claimsOf(token)
  if (claims === undefined) return { text: shown({ reason: 'this is no token', code: 'invalid_token' }, options, now), isGood: false }
  const { jwks, resource } = options
  if (jwks === undefined) {
    const said = { verified: false, reason: 'no keys were given (--jwks)', code: undefined, permitted: undefined, claims }
    // Whether it permits something, only a verified token says.
    return { text: shown({ ...said, permissions: permissionsOf(claims) }, options, now), isGood: resource === undefined }
  }
  const explanation = await verified(token, claims, jwks, options, now)
  const isVerified = explanation.expiresAt !== undefined
  const said = {
    verified: isVerified,
    reason: explanation.permitted || (isVerified && resource === undefined) ? undefined : explanation.message,
    code: isVerified && resource === undefined ? undefined : explanation.code,
    permitted: resource === undefined ? undefined : explanation.permitted,
    claims,
    permissions: isVerified ? explanation.permissions : permissionsOf(claims),
  }
  return { text: shown(said, options, now), isGood: isVerified && (resource === undefined || explanation.permitted) }
}

async function verified(
  token: string,
  claims: Readonly<Record<string, unknown>>,
  jwks: string,
  { issuer = text(claims['iss']), audience = text([claims['aud']].flat()[0]), resource = '', scopes = [] }: ExplainOptions,
  now: number,
): Promise<Explanation> {
  const guard = await createGuard({
    issuer,
    audience,
    // Nobody is asked.
    [allowInsecureRequests]: true,
    fetch: () => Promise.reject(new TypeError('offline')),
    clock: () => now * 1_000,
    state: { version: 1, issuer, jwksUri: issuer, jwks, fetchedAt: now },
  })
  if (guard.exportState() === undefined) throw new Error('the file of --jwks holds no key set')
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

function permissionsOf(claims: Readonly<Record<string, unknown>>): Shown[] {
  const authorization = claims['authorization'] as { permissions?: unknown } | null | undefined
  const permissions = typeof authorization === 'object' ? authorization?.permissions : undefined
  return Array.isArray(permissions) ? permissions.filter((entry) => typeof entry === 'object' && entry !== null) : []
}

function shown(said: Partial<Said>, { json }: ExplainOptions, now: number): string {
  const { verified = false, reason, code, permitted, claims = {}, permissions = [] } = said
  if (json) return `${JSON.stringify({ verified, permitted, code, reason, claims, permissions }, undefined, 2)}\n`
  const lines = [verified ? 'verified: signed by a key of --jwks' : `NOT VERIFIED${reason === undefined ? '' : `: ${reason}`}`]
  if (verified && reason !== undefined) lines.push(`refused:  ${reason}`)
  if (permitted === true) lines.push('permitted')
  for (const name of ['iss', 'sub', 'preferred_username', 'azp', 'aud', 'jti']) {
    if (claims[name] !== undefined) lines.push(`${name}: ${[claims[name]].flat().map(text).join(', ')}`)
  }
  if (typeof claims['exp'] === 'number') lines.push(`exp: ${moment(claims['exp'], now)}`)
  if (claims['cnf'] !== undefined) lines.push('bound to a key: it needs a proof')
  lines.push(permissions.length === 0 ? 'permits nothing' : verified ? 'permits' : 'says that it permits')
  for (const { rsid, rsname, scopes, exp } of permissions) {
    const name = rsname === undefined ? '' : ` (${text(rsname)})`
    const names = Array.isArray(scopes) && scopes.length > 0 ? `: ${scopes.map(text).join(', ')}` : ', without scopes'
    lines.push(`  ${text(rsid)}${name}${names}${typeof exp === 'number' ? `, until ${moment(exp, now)}` : ''}`)
  }
  return `${lines.join('\n')}\n`
}

function moment(second: number, now: number): string {
  const date = new Date(second * 1_000)
  const when = Number.isNaN(date.getTime()) ? String(second) : date.toISOString()
  return `${when} (${second >= now ? `in ${second - now} s` : `${now - second} s ago`})`
}

/** On one line of a terminal, whatever somebody has written into a token */
function text(value: unknown): string {
  const plain = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return plain.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}
