// A realm for one test, made and removed through the admin API.

import { randomUUID } from 'node:crypto'
import KcAdminClient from '@keycloak/keycloak-admin-client'

/** Address of the server, without a slash at its end */
export const base = required('CLIENTS_BASE')
const username = required('CLIENTS_ADMIN')
const password = required('CLIENTS_PASSWORD')

function required (name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: these tests are run by \`cargo xtask clients\``)
  return value
}

/** Somebody who may do everything, as the published admin client signs in */
export async function administrator () {
  const admin = new KcAdminClient({ baseUrl: base, realmName: 'master' })
  await admin.auth({ grantType: 'password', clientId: 'admin-cli', username, password })
  return admin
}

/**
 * A fresh realm with alice and bob, a public client `spa`, a confidential client `web` and a resource server
 * `documents`; it is gone after the test
 */
export async function world (test) {
  const admin = await administrator()
  const realm = `clients-${randomUUID()}`
  const redirectUris = ['http://127.0.0.1/callback']
  const client = (clientId, more) => ({ clientId, enabled: true, redirectUris, ...more })
  await admin.realms.create({
    realm,
    enabled: true,
    users: ['alice', 'bob'].map(person),
    clients: [
      client('spa', { publicClient: true, attributes: { 'pkce.code.challenge.method': 'S256' } }),
      client('web', { secret: 'web-secret', attributes: { 'post.logout.redirect.uris': 'http://127.0.0.1/bye' } }),
      client('documents', {
        secret: 'documents-secret',
        serviceAccountsEnabled: true,
        authorizationServicesEnabled: true,
        directAccessGrantsEnabled: true
      })
    ]
  })
  test.after(() => admin.realms.del({ realm }))
  admin.setConfig({ realmName: realm })
  return { admin, realm, issuer: new URL(`${base}/realms/${realm}`), callback: redirectUris[0] }
}

function person (username) {
  return {
    username,
    enabled: true,
    email: `${username}@test.example`,
    emailVerified: true,
    firstName: username,
    lastName: 'Test',
    credentials: [{ type: 'password', value: `${username}-password`, temporary: false }]
  }
}
