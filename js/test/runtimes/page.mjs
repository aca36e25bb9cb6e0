// For a page without a bundler, under its Content-Security-Policy: what the package does there.
import { challenge, createGuard, explainToken, findChallenge, ready } from '/browser/index.js'

/** Whoever drives a page may run text in it; a timer of the page may not. */
const byItself = () => new Promise((resolve) => setTimeout(resolve))

export async function run({ token, foreign, jwks, now, issuer }) {
  await byItself()
  await ready()
  const state = { version: 1, issuer, jwksUri: issuer, jwks, fetchedAt: now }
  const options = { issuer, audience: 'documents', state, clock: () => now * 1_000 }
  const guard = await createGuard({ ...options, withdrawals: 'none' })
  const changed = `${token.slice(0, -20)}${token.at(-20) === 'A' ? 'B' : 'A'}${token.slice(-19)}`
  const read = { resource: '42', scopes: ['read'] }
  const codes = []
  for (const one of [token, changed, foreign, 'x']) {
    const answer = await guard.check({ token: one, ...read })
    codes.push(answer.permitted ? answer.rpt.sub : answer.code)
  }
  const listed = await (await createGuard({ ...options, withdrawals: 'list' })).check({ token, ...read })
  const [plain, verified] = [await explainToken(token), await explainToken(token, { jwks, ...read }, now)]
  return {
    codes, listed: listed.permitted, challenge: findChallenge(challenge({ realm: 'r', as_uri: issuer, ticket: 't' })),
    plain: [plain.verified, plain.permissions.length], verified: [verified.verified, verified.permitted, verified.permissions[0].rsid],
  }
}

/** What becomes of text that is to be run */
export async function evaluated() {
  await byItself()
  try {
    return String(new Function('return 1')())
  } catch (error) {
    return error.name
  }
}
