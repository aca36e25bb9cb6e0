// npm `openid-client`: discovery, code flow with PKCE, userinfo, refresh, introspection, revocation, logout.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oidc from 'openid-client'
import { Browser } from './sign-in.mjs'
import { world } from './world.mjs'

const insecure = { execute: [oidc.allowInsecureRequests] }

async function signedIn (test, client, secret) {
  const { issuer, callback, ...rest } = await world(test)
  const config = await oidc.discovery(issuer, client, secret, undefined, insecure)
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()]
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid email profile',
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce
  })
  const browser = new Browser()
  const back = await browser.signIn(url, callback, 'alice')
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
  return { config, browser, back, checks, tokens: await oidc.authorizationCodeGrant(config, back, checks), ...rest }
}

test('a public client signs somebody in, asks who it is, and refreshes', async test => {
  const { config, tokens } = await signedIn(test, 'spa')
  const { sub } = tokens.claims()
  assert.equal(tokens.claims().preferred_username, 'alice')
  const info = await oidc.fetchUserInfo(config, tokens.access_token, sub)
  assert.equal(info.email, 'alice@test.example')
  const again = await oidc.refreshTokenGrant(config, tokens.refresh_token)
  assert.equal(again.claims().sub, sub)
  assert.equal(again.claims().sid, tokens.claims().sid, 'the same sign-in')
})

test('a code is good for one exchange, and its second use ends the first one\'s tokens', async test => {
  const { config, back, checks, tokens } = await signedIn(test, 'spa')
  await assert.rejects(oidc.authorizationCodeGrant(config, back, checks), { error: 'invalid_grant' })
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
})

test('a confidential client introspects and revokes', async test => {
  const { config, tokens } = await signedIn(test, 'web', 'web-secret')
  const before = await oidc.tokenIntrospection(config, tokens.access_token)
  assert.equal(before.active, true)
  await oidc.tokenRevocation(config, tokens.refresh_token)
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
})

test('a logout with the ID token ends the sign-in and returns', async test => {
  const { config, browser, tokens } = await signedIn(test, 'web', 'web-secret')
  const bye = 'http://127.0.0.1/bye'
  const url = oidc.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: bye, state: 'so long'
  })
  const back = new URL((await browser.open(url.href, bye)).url)
  assert.equal(back.searchParams.get('state'), 'so long')
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
})

test('a service gets its own token', async test => {
  const { issuer } = await world(test)
  const config = await oidc.discovery(issuer, 'documents', 'documents-secret', undefined, insecure)
  const tokens = await oidc.clientCredentialsGrant(config)
  assert.equal(tokens.token_type, 'bearer')
  assert.equal(tokens.refresh_token, undefined)
})
