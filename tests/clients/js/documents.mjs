// A resource server with documents, and an app in front of them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { world } from './world.mjs'

/** The resource server of the world */
const client = { client_id: 'documents', client_secret: 'documents-secret' }

/**
 * The world, in which `documents` keeps a plan (editors read it, nobody writes it), a ledger (for who says that
 * the organization is acme) and alice's diary, which she shares herself. Alice is an editor.
 */
export async function documents (test) {
  const { admin, issuer, ...rest } = await world(test)
  const [{ id }] = await admin.clients.find({ clientId: 'documents' })
  const [alice] = await admin.users.find({ username: 'alice', exact: true })
  await admin.roles.create({ name: 'staff' })
  await admin.clients.createRole({ id, name: 'editor' })
  const staff = await admin.roles.findOneByName({ name: 'staff' })
  const editor = await admin.clients.findRole({ id, roleName: 'editor' })
  await admin.users.addRealmRoleMappings({ id: alice.id, roles: [staff] })
  await admin.users.addClientRoleMappings({ id: alice.id, clientUniqueId: id, roles: [editor] })

  const scopes = [{ name: 'read' }, { name: 'write' }]
  for (const scope of scopes) Object.assign(scope, await admin.clients.createAuthorizationScope({ id }, scope))
  const resource = (name, more) => admin.clients.createResource({ id }, { name, scopes, ...more })
  const policy = (type, name, more) => admin.clients.createPolicy({ id, type }, { name, logic: 'POSITIVE', ...more })
  const mayRead = (policy, resource) => admin.clients.createPermission({ id, type: 'scope' }, {
    name: `reading the ${resource.name}`, resources: [resource._id], scopes: [scopes[0].id], policies: [policy.id]
  })
  await mayRead(await policy('role', 'editors', { roles: [{ id: editor.id, required: true }] }), await resource('plan'))
  const ofAcme = { targetClaim: 'organization', pattern: 'acme', targetContextAttributes: true }
  await mayRead(await policy('regex', 'of acme', ofAcme), await resource('ledger'))
  const diary = await resource('diary', { owner: { id: alice.id }, ownerManagedAccess: true })

  /** A token of somebody, as `documents` unless another client is named */
  const token = async (username, as = client) => {
    const person = { username, password: `${username}-password` }
    const body = new URLSearchParams({ ...as, ...person, grant_type: 'password', scope: 'openid' })
    const answer = await fetch(`${issuer}/protocol/openid-connect/token`, { method: 'POST', body })
    assert.equal(answer.status, 200)
    return (await answer.json()).access_token
  }
  const policies = `${issuer}/authz/protection/uma-policy/`
  const headers = async () => ({ authorization: `Bearer ${await token('alice')}`, 'content-type': 'application/json' })
  /** Alice gives bob these scopes of her diary; the share */
  const share = async (...scopes) => {
    const body = JSON.stringify({ name: 'for bob', scopes, users: ['bob'] })
    const answer = await fetch(policies + diary._id, { method: 'POST', headers: await headers(), body })
    assert.equal(answer.status, 200)
    return answer.json()
  }
  /** Alice takes it back */
  const withdraw = async ({ id }) => {
    const answer = await fetch(policies + id, { method: 'DELETE', headers: await headers() })
    assert.equal(answer.status, 204)
  }
  return { admin, issuer, id, diary: diary._id, token, share, withdraw, ...rest }
}

/** Serves an Express app until the test ends; its address */
export async function serve (test, app) {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${server.address().port}`
}

/** The status of a path of the app for who has this token */
export async function status (site, path, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {}
  const answer = await fetch(site + path, { headers, redirect: 'manual' })
  await answer.text()
  return answer.status
}
