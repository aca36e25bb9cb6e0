// The real server program, as a process in a folder of its own, with a realm of this file's people and clients.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const PROGRAM = process.env.COUNTERSIGN_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release', 'countersign')

/** Why tests of the server are skipped, or false */
export const noServer = existsSync(PROGRAM) ? false : `needs \`${PROGRAM}\`: cargo build --release -p countersign`

const user = (username, more = {}) => ({
  username, enabled: true, email: `${username}@test.example`, emailVerified: true, firstName: username, lastName: 'Test',
  credentials: [{ type: 'password', value: `${username}-password`, temporary: false }], realmRoles: ['default-roles-demo'], ...more,
})
const client = (clientId, more = {}) => ({
  clientId, enabled: true, protocol: 'openid-connect', publicClient: false, clientAuthenticatorType: 'client-secret',
  secret: `${clientId}-secret`, standardFlowEnabled: false, directAccessGrantsEnabled: true, redirectUris: [], webOrigins: [], ...more,
})
const authorizationSettings = {
  allowRemoteResourceManagement: true, policyEnforcementMode: 'ENFORCING', decisionStrategy: 'UNANIMOUS', resources: [], policies: [],
  scopes: [{ name: 'read' }, { name: 'write' }],
}

/** `documents` is a resource server, `reader` a public app; alice may use the protection API, bob and carol may not. */
export function realm(attributes = {}, settings = {}) {
  return {
    realm: 'demo', enabled: true, sslRequired: 'none', userManagedAccessAllowed: true, accessTokenLifespan: 300, attributes,
    roles: { realm: [{ name: 'default-roles-demo' }], client: { documents: [{ name: 'uma_protection' }] } },
    users: [user('alice', { clientRoles: { documents: ['uma_protection'] } }), user('bob'), user('carol')],
    clients: [
      client('documents', {
        serviceAccountsEnabled: true, authorizationServicesEnabled: true, authorizationSettings: { ...authorizationSettings, ...settings },
      }),
      client('reader', { publicClient: true, webOrigins: ['https://app.example'] }),
    ],
  }
}

export class Server {
  static async start(description = realm()) {
    const server = new Server()
    server.folder = await mkdtemp(join(tmpdir(), 'countersign-js-'))
    await writeFile(join(server.folder, 'realm.json'), JSON.stringify(description))
    const args = ['serve', '--listen', '127.0.0.1:0', '--database', 'sqlite:test.db', '--import', 'realm.json']
    // The program refuses variables of its prefix that it does not know, and is to have none of whoever runs the tests.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COUNTERSIGN_')))
    server.child = spawn(PROGRAM, args, { cwd: server.folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let log = ''
    server.child.stderr.on('data', (chunk) => (log += chunk))
    const ended = once(server.child, 'exit').then(() => Promise.reject(new Error(`the server has ended: ${log}`)))
    ended.catch(() => {})
    const lines = createInterface({ input: server.child.stdout })
    const [line] = await Promise.race([once(lines, 'line'), ended])
    server.url = `http://${/listening on (\S+)/.exec(line)[1]}`
    server.issuer = `${server.url}/realms/demo`
    server.credentials = { issuer: server.issuer, clientId: 'documents', clientSecret: 'documents-secret' }
    return server
  }

  /** The access token of a user, got through a client. */
  async token(username, clientId = 'reader') {
    const form = { grant_type: 'password', client_id: clientId, username, password: `${username}-password`, scope: 'openid' }
    if (clientId !== 'reader') form.client_secret = `${clientId}-secret`
    return (await this.post('/protocol/openid-connect/token', form)).access_token
  }

  async post(path, form) {
    const answer = await fetch(`${this.issuer}${path}`, { method: 'POST', body: new URLSearchParams(form) })
    const body = await answer.json()
    if (!answer.ok) throw Object.assign(new Error(`${answer.status} ${JSON.stringify(body)}`), { status: answer.status, body })
    return body
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM')
      await once(this.child, 'exit')
    }
    await rm(this.folder, { recursive: true, force: true })
  }
}
