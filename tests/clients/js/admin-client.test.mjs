// npm `@keycloak/keycloak-admin-client`: builds what an application needs and reads all of it back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { administrator, world } from './world.mjs'

test('a realm is made, read, changed and removed', async test => {
  const admin = await administrator()
  const realm = `clients-admin-${process.pid}`
  assert.deepEqual(await admin.realms.create({ realm, enabled: true }), { realmName: realm })
  test.after(() => admin.realms.del({ realm }).catch(() => {}))
  await assert.rejects(admin.realms.create({ realm }), error => error.response.status === 409)
  await admin.realms.update({ realm }, { displayName: 'Ours', accessTokenLifespan: 60 })
  const read = await admin.realms.findOne({ realm })
  assert.equal(read.displayName, 'Ours')
  assert.equal(read.accessTokenLifespan, 60)
  assert.ok((await admin.realms.find()).some(one => one.realm === realm))
  await admin.realms.del({ realm })
  assert.equal(await admin.realms.findOne({ realm }), null)
})

test('people, groups and roles', async test => {
  const { admin } = await world(test)
  const { id } = await admin.users.create({ username: 'carol', enabled: true, email: 'carol@test.example' })
  await admin.users.resetPassword({ id, credential: { type: 'password', value: 'carol-password', temporary: false } })
  await admin.roles.create({ name: 'editor', description: 'May change' })
  const editor = await admin.roles.findOneByName({ name: 'editor' })
  await admin.users.addRealmRoleMappings({ id, roles: [{ id: editor.id, name: editor.name }] })
  const group = await admin.groups.create({ name: 'staff' })
  const night = await admin.groups.createChildGroup({ id: group.id }, { name: 'night' })
  await admin.groups.addRealmRoleMappings({ id: night.id, roles: [{ id: editor.id, name: editor.name }] })
  await admin.users.addToGroup({ id, groupId: night.id })

  const [carol] = await admin.users.find({ username: 'carol', exact: true })
  assert.equal(carol.id, id)
  assert.deepEqual((await admin.users.listGroups({ id })).map(group => group.path), ['/staff/night'])
  const names = (await admin.users.listCompositeRealmRoleMappings({ id })).map(role => role.name)
  assert.ok(names.includes('editor'))
  assert.equal((await admin.users.listRealmRoleMappings({ id })).some(role => role.name === 'editor'), true)
  await admin.users.update({ id }, { firstName: 'Carol' })
  assert.equal((await admin.users.findOne({ id })).firstName, 'Carol')
  await admin.users.del({ id })
  assert.equal(await admin.users.findOne({ id }), null)
})

test('clients, their secrets, roles, scopes and mappers', async test => {
  const { admin, realm } = await world(test)
  const { id } = await admin.clients.create({ clientId: 'reports', enabled: true, serviceAccountsEnabled: true })
  const [reports] = await admin.clients.find({ clientId: 'reports' })
  assert.equal(reports.id, id)
  const old = await admin.clients.getClientSecret({ id })
  const fresh = await admin.clients.generateNewClientSecret({ id })
  assert.notEqual(fresh.value, old.value)
  assert.equal((await admin.clients.getServiceAccountUser({ id })).username, 'service-account-reports')
  await admin.clients.createRole({ id, name: 'viewer' })
  assert.equal((await admin.clients.findRole({ id, roleName: 'viewer' })).clientRole, true)
  const scope = await admin.clientScopes.create({ name: 'audit', protocol: 'openid-connect' })
  await admin.clients.addOptionalClientScope({ id, clientScopeId: scope.id })
  assert.ok((await admin.clients.listOptionalClientScopes({ id })).some(one => one.name === 'audit'))
  const mapper = {
    name: 'team',
    protocol: 'openid-connect',
    protocolMapper: 'oidc-hardcoded-claim-mapper',
    config: { 'claim.name': 'team', 'claim.value': 'blue', 'jsonType.label': 'String', 'access.token.claim': 'true' }
  }
  await admin.clients.addProtocolMapper({ id }, mapper)
  assert.ok((await admin.clients.listProtocolMappers({ id })).some(one => one.name === 'team'))
  await admin.clients.update({ id }, { clientId: 'reports', description: 'Reports' })
  assert.equal((await admin.clients.findOne({ id })).description, 'Reports')
  await admin.clients.del({ id })
  assert.equal(await admin.clients.findOne({ id }), null)
  assert.ok(realm)
})

test('a resource server with resources, scopes, policies and permissions is built and evaluated', async test => {
  const { admin } = await world(test)
  const [{ id }] = await admin.clients.find({ clientId: 'documents' })
  const [alice] = await admin.users.find({ username: 'alice', exact: true })
  const [bob] = await admin.users.find({ username: 'bob', exact: true })
  const read = await admin.clients.createAuthorizationScope({ id }, { name: 'read' })
  const plan = await admin.clients.createResource({ id }, { name: 'plan', scopes: [{ name: 'read' }] })
  const only = await admin.clients.createPolicy(
    { id, type: 'user' }, { name: 'only alice', logic: 'POSITIVE', users: [alice.id] })
  const permission = await admin.clients.createPermission({ id, type: 'scope' }, {
    name: 'who may read', scopes: [read.id], resources: [plan._id], policies: [only.id], decisionStrategy: 'UNANIMOUS'
  })
  const evaluate = async userId => (await admin.clients.evaluateResource({ id }, {
    userId, roleIds: [], entitlements: false, context: { attributes: {} }, resources: [{ name: 'plan', _id: plan._id }]
  })).status
  assert.equal(await evaluate(alice.id), 'PERMIT')
  assert.equal(await evaluate(bob.id), 'DENY')

  const policies = await admin.clients.getAssociatedPolicies({ id, permissionId: permission.id })
  assert.deepEqual(policies.map(policy => policy.name), ['only alice'])
  const exported = await admin.clients.exportResource({ id })
  assert.deepEqual(exported.resources.map(resource => resource.name), ['plan'])
  assert.deepEqual(exported.policies.map(policy => policy.name).sort(), ['only alice', 'who may read'])
  await admin.clients.delPolicy({ id, policyId: only.id })
  assert.equal(await evaluate(alice.id), 'DENY', 'a permission without policies gives nothing')
})
