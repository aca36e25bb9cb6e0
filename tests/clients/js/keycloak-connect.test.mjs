// npm `keycloak-connect`: an Express app behind its protection by bearer, role and session, and behind its enforcer.

import assert from 'node:assert/strict'
import { globalAgent } from 'node:http'
import { after, test } from 'node:test'
import express from 'express'
import session from 'express-session'
import Keycloak from 'keycloak-connect'
import { documents, serve, status } from './documents.mjs'
import { Browser } from './sign-in.mjs'

// It does not read what a refusal says, and so its connections would stay.
after(() => globalAgent.destroy())

/** The realm, and the adapter set up with the file that the admin console would have offered */
async function adapted (test, more = {}) {
  const realm = await documents(test)
  const providerId = 'keycloak-oidc-keycloak-json'
  const file = await realm.admin.clients.getInstallationProviders({ id: realm.id, providerId })
  const config = { ...(typeof file === 'string' ? JSON.parse(file) : file), 'bearer-only': true, ...more }
  return { ...realm, config, keycloak: new Keycloak({}, config) }
}

/** An app of this adapter whose paths are guarded so; its address */
function guarded (test, keycloak, guards) {
  const app = express()
  app.use(keycloak.middleware())
  for (const [path, guard] of Object.entries(guards)) {
    app.get(path, guard, (request, response) => { response.json(request.permissions ?? []) })
  }
  return serve(test, app)
}

test('keycloak-connect lets in who has a token of this realm, and the role', async test => {
  const { keycloak, token } = await adapted(test)
  const site = await guarded(test, keycloak, {
    '/any': keycloak.protect(),
    '/editor': keycloak.protect('editor'),
    '/documents-editor': keycloak.protect('documents:editor'),
    '/staff': keycloak.protect('realm:staff')
  })
  const [alice, bob] = [await token('alice'), await token('bob')]
  const seen = async token => Object.fromEntries(await Promise.all(
    ['/any', '/editor', '/documents-editor', '/staff'].map(async path => [path, await status(site, path, token)])))
  assert.deepEqual(await seen(alice), { '/any': 200, '/editor': 200, '/documents-editor': 200, '/staff': 200 })
  assert.deepEqual(await seen(bob), { '/any': 200, '/editor': 403, '/documents-editor': 403, '/staff': 403 })
  assert.equal(await status(site, '/any'), 403)
  assert.equal(await status(site, '/any', `${alice.slice(0, -8)}AAAAAAAA`), 403, 'not signed by the realm')
  const stranger = await documents(test)
  assert.equal(await status(site, '/any', await stranger.token('alice')), 403, 'of another realm')
  assert.equal((await keycloak.grantManager.userInfo(alice)).preferred_username, 'alice')
  // Its introspection shows the secret in the header and in the form.
  assert.equal(await keycloak.grantManager.validateAccessToken(alice), alice)
  assert.equal(await keycloak.grantManager.validateAccessToken(`${alice.slice(0, -8)}AAAAAAAA`), false)
})

for (const mode of ['permissions', 'token']) {
  test(`its enforcer asks for ${mode}`, async test => {
    const { keycloak, token, diary, share, withdraw } = await adapted(test)
    const guard = (...permissions) => keycloak.enforcer(permissions, { response_mode: mode })
    const site = await guarded(test, keycloak, {
      '/plan': guard('plan'),
      '/plan/read': guard('plan:read'),
      '/plan/write': guard('plan:write'),
      '/plan/both': guard('plan:read', 'plan:write'),
      '/nothing': guard('nothing:read'),
      '/diary/read': guard(`${diary}:read`),
      '/diary/write': guard(`${diary}:write`)
    })
    const [alice, bob] = [await token('alice'), await token('bob')]
    assert.equal(await status(site, '/plan', alice), 200)
    assert.equal(await status(site, '/plan/read', alice), 200)
    assert.equal(await status(site, '/plan/read', bob), 403)
    assert.equal(await status(site, '/plan/read'), 403, 'nobody')
    assert.equal(await status(site, '/plan/write', alice), 403)
    assert.equal(await status(site, '/plan/both', alice), 403, 'one of two is not enough')
    assert.equal(await status(site, '/nothing', alice), 403)

    assert.equal(await status(site, '/diary/read', bob), 403)
    const shared = await share('read')
    assert.equal(await status(site, '/diary/read', alice), 200, 'her own')
    assert.equal(await status(site, '/diary/read', bob), 200)
    assert.equal(await status(site, '/diary/write', bob), 403)
    await withdraw(shared)
    assert.equal(await status(site, '/diary/read', bob), 403, 'withdrawn')
  })

  test(`its enforcer pushes claims and asks for ${mode}`, async test => {
    const { keycloak, token } = await adapted(test)
    const claims = request => request.query.of && { organization: [request.query.of] }
    const guard = keycloak.enforcer('ledger:read', { response_mode: mode, claims })
    const site = await guarded(test, keycloak, { '/ledger': guard })
    const bob = await token('bob')
    assert.equal(await status(site, '/ledger?of=acme', bob), 200)
    assert.equal(await status(site, '/ledger?of=others', bob), 403)
    assert.equal(await status(site, '/ledger', bob), 403)
    if (mode === 'token') return
    const answer = await fetch(`${site}/ledger?of=acme`, { headers: { authorization: `Bearer ${bob}` } })
    const [permission] = await answer.json()
    assert.equal(permission.rsname, 'ledger')
    assert.deepEqual(permission.scopes, ['read'])
    assert.deepEqual(permission.claims, { organization: ['acme'] })
  })
}

test('it asks for a decision', async test => {
  const { keycloak, token } = await adapted(test)
  // The enforcer has no such mode; what it is made of has.
  const decides = scope => (request, response, next) => {
    const asked = { response_mode: 'decision', permissions: [{ id: 'plan', scopes: [scope] }] }
    const denied = () => keycloak.accessDenied(request, response)
    return keycloak.checkPermissions(asked, request, ({ result }) => result === true ? next() : denied()).catch(denied)
  }
  const site = await guarded(test, keycloak, { '/read': decides('read'), '/write': decides('write') })
  assert.equal(await status(site, '/read', await token('alice')), 200)
  assert.equal(await status(site, '/read', await token('bob')), 403)
  assert.equal(await status(site, '/write', await token('alice')), 403)
})

test('it reads the permissions of the RPT that it is given, and asks no more', async test => {
  const { keycloak, token } = await adapted(test, { 'verify-token-audience': true })
  let asked = 0
  // Called only for what has to be asked.
  const claims = () => { asked += 1 }
  const site = await guarded(test, keycloak, {
    '/read': keycloak.enforcer('plan:read', { claims }),
    '/write': keycloak.enforcer('plan:write', { claims })
  })
  const request = { headers: { authorization: `Bearer ${await token('alice')}` } }
  const wanted = { permissions: [{ id: 'plan', scopes: ['read'] }] }
  const grant = await keycloak.grantManager.checkPermissions(wanted, request)
  assert.equal(grant.access_token.hasPermission('plan', 'read'), true)
  assert.equal(grant.access_token.hasPermission('plan', 'write'), false)
  assert.equal(await status(site, '/read', grant.access_token.token), 200)
  assert.equal(asked, 0)
  assert.equal(await status(site, '/write', grant.access_token.token), 403)
  assert.equal(asked, 1)
  const fresh = await keycloak.grantManager.ensureFreshness(Object.assign(grant, { isExpired: () => true }))
  assert.equal(fresh.access_token.hasPermission('plan', 'read'), true, 'refreshed')
})

test('a public app asks with the token of its user', async test => {
  const { realm, config, token, admin } = await adapted(test)
  const [{ id }] = await admin.clients.find({ clientId: 'spa' })
  await admin.clients.update({ id }, { clientId: 'spa', directAccessGrantsEnabled: true })
  const keycloak = new Keycloak({}, {
    realm, resource: 'spa', 'auth-server-url': config['auth-server-url'], 'bearer-only': true, 'public-client': true
  })
  const options = { resource_server_id: 'documents' }
  const site = await guarded(test, keycloak, {
    '/plan': keycloak.enforcer('plan:read', options),
    '/ledger': keycloak.enforcer('ledger:read', { ...options, claims: () => ({ organization: ['acme'] }) })
  })
  const as = { client_id: 'spa' }
  assert.equal(await status(site, '/plan', await token('alice', as)), 200)
  assert.equal(await status(site, '/plan', await token('bob', as)), 403)
  assert.equal(await status(site, '/ledger', await token('alice', as)), 403, 'such a client may say nothing of its own')
})

test('it signs people in, keeps them in a session, enforces and signs them out', async test => {
  const { admin, id, config } = await adapted(test, { 'bearer-only': false })
  const store = new session.MemoryStore()
  const keycloak = new Keycloak({ store }, config)
  const app = express()
  app.use(session({ secret: 'of this test', resave: false, saveUninitialized: true, store, name: 'app' }))
  app.use(keycloak.middleware({ logout: '/bye' }))
  app.get('/plan/read', keycloak.protect(), keycloak.enforcer('plan:read'), (request, response) => {
    response.send(`hello ${request.kauth.grant.access_token.content.preferred_username}`)
  })
  const write = [keycloak.protect(), keycloak.enforcer('plan:write')]
  app.get('/plan/write', write, (_, response) => { response.send('never') })
  app.get('/known', keycloak.checkSso(), (request, response) => {
    response.send(request.kauth.grant?.access_token.content.preferred_username ?? 'a stranger')
  })
  app.get('/', (_, response) => { response.send('home') })
  const site = await serve(test, app)
  const attributes = { 'post.logout.redirect.uris': `${site}/` }
  await admin.clients.update({ id }, { clientId: 'documents', redirectUris: [`${site}/*`], attributes })

  const browser = new Browser()
  assert.equal((await browser.open(`${site}/known`, 'none')).text, 'a stranger', 'asked without a page')
  const back = await browser.signIn(`${site}/plan/read`, `${site}/plan/read?auth_callback=1`, 'alice')
  assert.equal((await browser.open(back.href, 'none')).text, 'hello alice')
  assert.equal((await browser.open(`${site}/plan/read`, 'none')).text, 'hello alice')
  assert.equal((await browser.open(`${site}/plan/write`, 'none')).status, 403)
  assert.equal((await browser.open(`${site}/known`, 'none')).text, 'alice')
  assert.equal((await browser.open(`${site}/bye`, 'none')).text, 'home')
  const again = await browser.open(`${site}/plan/read`, 'none')
  assert.ok(again.url.startsWith(config['auth-server-url']), 'has to sign in again')
})
