// The real server on a folder of its own, and a site with the apps.

import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ROOT = new URL('../../', import.meta.url).pathname
const PROGRAM = process.env.COUNTERSIGN_BIN ?? join(ROOT, 'target/release/countersign')

/** A resource server: editors read its plan, and alice is one */
const DOCUMENTS = {
  clientId: 'documents', enabled: true, secret: 'documents-secret', serviceAccountsEnabled: true,
  authorizationServicesEnabled: true, directAccessGrantsEnabled: true,
  authorizationSettings: {
    allowRemoteResourceManagement: true, policyEnforcementMode: 'ENFORCING', decisionStrategy: 'UNANIMOUS',
    scopes: [{ name: 'read' }, { name: 'write' }],
    resources: [{ name: 'plan', scopes: [{ name: 'read' }, { name: 'write' }] }],
    policies: [
      { name: 'editors', type: 'role', logic: 'POSITIVE', config: { roles: '[{"id":"editor","required":true}]' } },
      {
        name: 'reading the plan', type: 'scope', logic: 'POSITIVE', decisionStrategy: 'UNANIMOUS',
        config: { resources: '["plan"]', scopes: '["read"]', applyPolicies: '["editors"]' },
      },
    ],
  },
}

/** A realm with one public app on this site, and a resource server */
const realm = (site) => ({
  realm: 'test',
  enabled: true,
  sslRequired: 'none',
  rememberMe: true,
  webAuthnPolicyPasswordlessPasskeysEnabled: true,
  displayName: 'Test & Sons',
  users: [
    {
      username: 'alice', enabled: true, email: 'alice@test.example', emailVerified: true,
      firstName: 'Alice', lastName: 'Test', realmRoles: ['editor'],
      credentials: [{ type: 'password', value: 'alice-password' }],
    },
    {
      username: 'bob', enabled: true, email: 'bob@test.example', emailVerified: true,
      firstName: 'Bob', lastName: 'Test',
      credentials: [{ type: 'password', value: 'bob-password' }],
    },
  ],
  roles: { realm: [{ name: 'editor' }] },
  clients: [
    {
      clientId: 'app', enabled: true, publicClient: true, standardFlowEnabled: true,
      redirectUris: [`${site}/*`], webOrigins: [site],
      attributes: { 'pkce.code.challenge.method': 'S256', 'post.logout.redirect.uris': '+' },
    },
    DOCUMENTS,
  ],
})

/** Starts the server; `base` is where it is, `stop` ends it */
export const startServer = async (site) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-browser-'))
  const file = join(folder, 'realm.json')
  await writeFile(file, JSON.stringify(realm(site)))
  const args = ['serve', '--listen', 'localhost:0', '--database', `sqlite:${join(folder, 'test.db')}`]
  // It refuses variables of its name that it does not know.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COUNTERSIGN_')))
  const stdio = ['ignore', 'pipe', 'inherit']
  const child = spawn(PROGRAM, [...args, '--import', file], { cwd: folder, env, stdio })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const base = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('the server did not start')))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /listening on .*\((http:\/\/localhost:\d+)\)/.exec(line)
      if (found) resolve(found[1])
    })
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true })
  }
  return { base, stop }
}

const MODULES = {
  '/keycloak.js': 'keycloak-js/lib/keycloak.js',
  '/keycloak-authz.js': 'keycloak-js/lib/keycloak-authz.js',
  '/oidc-client.js': 'oidc-client-ts/dist/browser/oidc-client-ts.js',
}

const PAGES = {
  // What keycloak-js asks for: a page that tells its opener where it was sent.
  '/silent-check-sso.html': '<script>parent.postMessage(location.href, location.origin)</script>',
  '/keycloak': `<p id="state">…</p><script type="module">
    import Keycloak from '/keycloak.js'
    const query = new URLSearchParams(location.search)
    const keycloak = new Keycloak({ url: query.get('base') ?? sessionStorage.base, realm: 'test', clientId: 'app' })
    if (query.get('base')) sessionStorage.base = query.get('base')
    if (query.get('load')) sessionStorage.load = query.get('load')
    globalThis.keycloak = keycloak
    globalThis.events = []
    keycloak.onAuthLogout = () => events.push('logout')
    const known = await keycloak.init({
      onLoad: sessionStorage.load, pkceMethod: 'S256', checkLoginIframeInterval: 1,
      silentCheckSsoRedirectUri: location.origin + '/silent-check-sso.html', silentCheckSsoFallback: false,
    })
    document.getElementById('state').textContent = known ? keycloak.tokenParsed.preferred_username : 'nobody'
  </script>`,
  '/authz': `<p id="state">…</p><script type="module">
    import Keycloak from '/keycloak.js'
    import KeycloakAuthorization from '/keycloak-authz.js'
    const query = new URLSearchParams(location.search)
    if (query.get('base')) sessionStorage.base = query.get('base')
    const keycloak = new Keycloak({ url: sessionStorage.base, realm: 'test', clientId: 'app' })
    await keycloak.init({ onLoad: 'login-required', pkceMethod: 'S256', checkLoginIframe: false })
    const authorization = new KeycloakAuthorization(keycloak)
    const outcome = (asked) => new Promise((resolve) =>
      asked.then((rpt) => resolve({ rpt }), () => resolve('denied'), (error) => resolve(String(error ?? 'failed'))))
    globalThis.keycloak = keycloak
    globalThis.authorize = (request) => outcome(authorization.authorize(request))
    globalThis.entitlement = (server, request) => outcome(authorization.entitlement(server, request))
    document.getElementById('state').textContent = keycloak.tokenParsed.preferred_username
  </script>`,
  '/oidc': `<p id="state">…</p><script src="/oidc-client.js"></script><script type="module">
    const query = new URLSearchParams(location.search)
    if (query.get('base')) sessionStorage.base = query.get('base')
    const manager = new oidc.UserManager({
      authority: sessionStorage.base + '/realms/test', client_id: 'app', redirect_uri: location.origin + '/oidc',
      silent_redirect_uri: location.origin + '/oidc-silent', post_logout_redirect_uri: location.origin + '/bye',
      scope: 'openid profile email', loadUserInfo: true,
    })
    globalThis.manager = manager
    const user = query.get('code') ? await manager.signinRedirectCallback() : await manager.getUser()
    document.getElementById('state').textContent = user ? user.profile.preferred_username : 'nobody'
  </script>`,
  '/oidc-silent': `<script src="/oidc-client.js"></script><script>
    new oidc.UserManager({ authority: sessionStorage.base + '/realms/test', client_id: 'app', redirect_uri: '' })
      .signinSilentCallback()
  </script>`,
  '/bye': '<p id="state">bye</p>',
  // An app whose work is done by its own server: nothing runs in the browser.
  '/plain': '<p id="state">back</p>',
}

/** Serves the apps; `site` is where they are */
export const startSite = async () => {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    if (MODULES[pathname]) {
      const text = await readFile(new URL(`node_modules/${MODULES[pathname]}`, import.meta.url))
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(text)
    } else if (PAGES[pathname]) {
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html>${PAGES[pathname]}`)
    } else {
      response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, 'localhost', resolve))
  const stop = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { site: `http://localhost:${server.address().port}`, stop }
}
