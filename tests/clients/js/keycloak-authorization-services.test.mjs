// npm `keycloak-authorization-services`: Express paths guarded by permission and by role, and its service itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import express from 'express'
import authorization from 'keycloak-authorization-services'
import { documents, serve, status } from './documents.mjs'
import { base } from './world.mjs'

const { JWTTokenService, KeycloakAuthorizationService, authorizationByPermission, authorizationByRoles } = authorization

async function configured (test) {
  const realm = await documents(test)
  return { ...realm, config: { baseUrl: base, realm: realm.realm } }
}

/** An app whose paths are guarded so, and which answers 403 to whatever a guard complains about; its address */
function guarded (test, guards) {
  const app = express()
  for (const [path, guard] of Object.entries(guards)) app.get(path, guard, (_, response) => { response.send('in') })
  app.use((error, _request, response, _next) => { response.status(403).send(error.message) })
  return serve(test, app)
}

test('keycloak-authorization-services asks for a decision', async test => {
  const { config, token, diary, share, withdraw } = await configured(test)
  const guard = (resource, scopes, more) =>
    authorizationByPermission(config, { permission: { resource, scopes }, ...more })
  const site = await guarded(test, {
    '/plan/read': guard('plan', ['read']),
    '/plan/write': guard('plan', ['write']),
    '/of-another': guard('plan', ['read'], { audience: 'web' }),
    '/ledger': guard('ledger', ['read']),
    '/ledger/acme': guard('ledger', ['read'], { claimToken: { organization: ['acme'] } }),
    '/ledger/others': guard('ledger', ['read'], { claimToken: { organization: ['others'] } }),
    '/diary/read': guard(diary, ['read']),
    '/diary/write': guard(diary, ['write'])
  })
  const [alice, bob] = [await token('alice'), await token('bob')]
  assert.equal(await status(site, '/plan/read', alice), 200)
  assert.equal(await status(site, '/plan/read', bob), 403)
  assert.equal(await status(site, '/plan/read'), 403)
  assert.equal(await status(site, '/plan/write', alice), 403)
  assert.equal(await status(site, '/of-another', alice), 403, 'no resource server')
  assert.equal(await status(site, '/ledger', bob), 403)
  assert.equal(await status(site, '/ledger/acme', bob), 200)
  assert.equal(await status(site, '/ledger/others', bob), 403)
  const shared = await share('read')
  assert.equal(await status(site, '/diary/read', bob), 200)
  assert.equal(await status(site, '/diary/write', bob), 403)
  await withdraw(shared)
  assert.equal(await status(site, '/diary/read', bob), 403, 'withdrawn')
})

test('it reads roles out of a token whose signature it checks', async test => {
  const { config, token } = await configured(test)
  const guard = (roles, more) => authorizationByRoles(config, { permission: { roles, ...more } })
  const site = await guarded(test, {
    '/editor': guard(['editor']), '/named': guard(['editor'], { client: 'documents' }), '/staff': guard(['staff'])
  })
  const [alice, bob] = [await token('alice'), await token('bob')]
  for (const path of ['/editor', '/named', '/staff']) {
    assert.equal(await status(site, path, alice), 200, path)
    assert.equal(await status(site, path, bob), 403, path)
    assert.equal(await status(site, path, `${alice.slice(0, -8)}AAAAAAAA`), 403, path)
  }
})

test('its service discovers, asks for permissions and for tokens', async test => {
  const { config, token, issuer } = await configured(test)
  const tokens = new JWTTokenService(config)
  const service = new KeycloakAuthorizationService(config, tokens)
  const found = await service.uma2Configuration()
  assert.equal(found.issuer, issuer.href)
  assert.equal(found.token_endpoint, `${issuer}/protocol/openid-connect/token`)
  const [alice, bob] = [{ token: await token('alice') }, { token: await token('bob') }]
  const permission = { resource: 'plan', scopes: ['read'] }
  const [granted] = await service.authorizationRequest({ permission, response_mode: 'permissions' }, alice)
  assert.equal(granted.rsname, 'plan')
  assert.deepEqual(granted.scopes, ['read'])
  const { access_token: rpt } = await service.authorizationRequest({ audience: 'documents' }, alice)
  const held = (await tokens.verifyAndDecode(rpt)).authorization.permissions
  assert.deepEqual(held.map(({ rsid, rsname, scopes }) => ({ rsid, rsname, scopes })), [granted])
  const refused = { error: 'access_denied', error_description: 'not_authorized' }
  await assert.rejects(service.authorizationRequest({ permission }, bob), ({ response }) => {
    assert.equal(response.status, 403)
    assert.deepEqual(response.data, refused)
    return true
  })
  const unknown = { permission: { resource: 'nothing' } }
  await assert.rejects(service.authorizationRequest(unknown, alice), ({ response }) => {
    assert.equal(response.status, 400)
    assert.equal(response.data.error, 'invalid_resource')
    return true
  })
})
