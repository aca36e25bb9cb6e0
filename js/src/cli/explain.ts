import { explainToken, type TokenExplanation, type TokenQuestion } from '../explain.js'

/** What is asked of a token, and how the answer is to be shown */
export interface ExplainOptions extends TokenQuestion {
  readonly json: boolean
}

/** Says what a token permits, and whether anybody vouches for it. */
export async function explain(token: string, options: ExplainOptions, now: number): Promise<{ text: string; isGood: boolean }> {
  const said = await explainToken(token, options, now)
  const { verified, permitted, code } = said
  const isAsked = options.resource !== undefined
  // Whether it permits something, only a verified token says.
  const isGood = options.jwks === undefined ? code === undefined && !isAsked : verified && (!isAsked || permitted === true)
  return { text: shown(said, options, now), isGood }
}

function shown({ verified, reason, code, permitted, claims, permissions }: TokenExplanation, { json, jwks }: ExplainOptions, now: number): string {
  if (json) return `${JSON.stringify({ verified, permitted, code, reason, claims, permissions }, undefined, 2)}\n`
  const lines = [verified ? 'verified: signed by a key of --jwks' : `NOT VERIFIED${reason === undefined ? '' : `: ${reason}${jwks === undefined && code === undefined ? ' (--jwks)' : ''}`}`]
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
