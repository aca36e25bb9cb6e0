// npm `oauth4webapi`, which checks answers strictly: metadata, code flow, ID token, DPoP.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { Browser } from './sign-in.mjs'
import { world } from './world.mjs'

const options = { [oauth.allowInsecureRequests]: true }

async function discovered (issuer) {
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
}

/** Signs alice in through the public client */
async function code (as, client, callback) {
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const url = new URL(as.authorization_endpoint)
  const parameters = {
    client_id: client.client_id,
    redirect_uri: callback,
    response_type: 'code',
    scope: 'openid',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  const back = await new Browser().signIn(url, callback, 'alice')
  return { verifier, nonce, parameters: oauth.validateAuthResponse(as, client, back, state) }
}

test('the answer of the authorization endpoint names its issuer (RFC 9207)', async test => {
  const { issuer, callback } = await world(test)
  const as = await discovered(issuer)
  assert.equal(as.authorization_response_iss_parameter_supported, true)
  const { parameters } = await code(as, { client_id: 'spa' }, callback)
  assert.equal(parameters.get('iss'), issuer.href)
})

test('tokens of the code flow pass every check', async test => {
  const { issuer, callback } = await world(test)
  const [as, client] = [await discovered(issuer), { client_id: 'spa' }]
  const { verifier, nonce, parameters } = await code(as, client, callback)
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, oauth.None(), parameters, callback, verifier, options)
  const tokens = await oauth.processAuthorizationCodeResponse(
    as, client, response, { expectedNonce: nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, response, options)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  const info = await oauth.userInfoRequest(as, client, tokens.access_token, options)
  assert.equal((await oauth.processUserInfoResponse(as, client, claims.sub, info)).sub, claims.sub)
})

test('tokens are bound to a key that the client proves (RFC 9449)', async test => {
  const { issuer, callback } = await world(test)
  const [as, client] = [await discovered(issuer), { client_id: 'spa' }]
  const { verifier, nonce, parameters } = await code(as, client, callback)
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, oauth.None(), parameters, callback, verifier, { ...options, DPoP })
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce })
  assert.equal(tokens.token_type, 'dpop')
  const bound = await oauth.userInfoRequest(as, client, tokens.access_token, { ...options, DPoP })
  assert.equal(bound.status, 200)
  const stolen = await fetch(as.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } })
  assert.equal(stolen.status, 401)
})
