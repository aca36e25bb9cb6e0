// `keycloak-js/authz` in a browser: RPTs by the ticket of a resource server and by naming what is wanted.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

import { startResources } from './resources.mjs'
import { startServer, startSite } from './server.mjs'

let browser
let server
let apps
let resources

before(async () => {
  apps = await startSite()
  server = await startServer(apps.site)
  resources = await startResources(server.base, apps.site)
  const executablePath = process.env.COUNTERSIGN_CHROMIUM ?? '/usr/bin/chromium'
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})

after(async () => {
  await browser?.close()
  await resources?.stop()
  await server?.stop()
  await apps?.stop()
})

/** The app with somebody signed in, in a new profile */
const signedIn = async (t, username) => {
  const context = await browser.newContext()
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(`${apps.site}/authz?base=${encodeURIComponent(server.base)}`)
  await page.getByLabel('Username or email').fill(username)
  await page.getByLabel('Password').fill(`${username}-password`)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.locator('#state', { hasText: username }).waitFor({ timeout: 20_000 })
  return page
}

/** What the resource server tells the app: the text, or the ticket of its challenge */
const read = (page, id, token) => page.evaluate(async ({ url, token }) => {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token ?? keycloak.token}` } })
  if (answer.status === 200) return { text: await answer.text() }
  const [, scheme, rest] = /^(\S+) (.*)$/.exec(answer.headers.get('www-authenticate'))
  const pairs = [...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value])
  return { status: answer.status, scheme, ...Object.fromEntries(pairs) }
}, { url: `${resources.at}/${id}`, token })

const authorize = (page, request) => page.evaluate((request) => authorize(request), request)
const entitlement = (page, request) => page.evaluate((request) => entitlement('documents', request), request)

/** What an RPT permits: names of resources with their scopes */
const permitted = ({ rpt }) => {
  const { authorization } = JSON.parse(Buffer.from(rpt.split('.')[1], 'base64url'))
  return Object.fromEntries(authorization.permissions.map(({ rsname, scopes }) => [rsname, scopes.toSorted()]))
}

/** A document of alice's with this name, which she may share */
const document = (name) => resources.protection('POST', 'resource_set', {
  name, resource_scopes: ['read', 'write'], owner: 'alice', ownerManagedAccess: true,
})

test('a ticket becomes a request, then an RPT, then nothing once the share is taken back', async (t) => {
  const { _id: id } = await document('letter')
  const page = await signedIn(t, 'bob')
  const challenge = await read(page, id)
  assert.equal(challenge.status, 401)
  assert.equal(challenge.scheme, 'UMA')
  assert.equal(challenge.as_uri, `${server.base}/realms/test`)

  // Nobody has shared it. He may ask without troubling her, too.
  const requests = () => resources.protection('GET', `permission/ticket?resourceId=${id}&granted=false`)
  assert.equal(await authorize(page, { ticket: challenge.ticket, submitRequest: false }), 'denied')
  assert.deepEqual(await requests(), [])
  assert.equal(await authorize(page, { ticket: (await read(page, id)).ticket }), 'denied')
  const [request] = await requests()
  assert.equal(request.resource, id)

  // Alice agrees at the resource server, which has asked her.
  await resources.protection('PUT', 'permission/ticket', { ...request, granted: true })
  const { ticket } = await read(page, id)
  const granted = await authorize(page, { ticket })
  assert.deepEqual(permitted(granted), { letter: ['read'] })
  assert.deepEqual(await read(page, id, granted.rpt), { text: `contents of ${id}` })
  assert.equal(await authorize(page, { ticket: 'nonsense' }), 'denied')

  await resources.protection('PUT', 'permission/ticket', { ...request, granted: false })
  assert.equal((await read(page, id, granted.rpt)).status, 401, 'the RPT says it no more')
  assert.equal(await authorize(page, { ticket: (await read(page, id)).ticket }), 'denied')
})

test('entitlements are granted and denied by what is named', async (t) => {
  const { _id: diary } = await document('diary')
  const [alice, bob] = [await signedIn(t, 'alice'), await signedIn(t, 'bob')]
  const plan = (...scopes) => ({ permissions: [{ id: 'plan', scopes }] })
  assert.deepEqual(permitted(await entitlement(alice, plan('read'))), { plan: ['read'] })
  assert.equal(await entitlement(alice, plan('write')), 'denied')
  assert.equal(await entitlement(bob, plan('read')), 'denied')
  assert.equal(await entitlement(bob), 'denied', 'there is nothing for him')
  assert.equal(await entitlement(bob, { permissions: [{ id: 'nothing' }] }), 'failed')
  // A public app says nothing of its own.
  const claims = { claimToken: 'eyJhIjpbImIiXX0=', claimTokenFormat: 'urn:ietf:params:oauth:token-type:jwt' }
  assert.equal(await entitlement(alice, { ...plan('read'), ...claims }), 'denied')

  const token = await resources.signIn('alice')
  const policy = { name: 'for bob', scopes: ['read', 'write'], users: ['bob'] }
  const { id } = await resources.protection('POST', `uma-policy/${diary}`, policy, token)
  const asked = { permissions: [{ id: diary, scopes: ['read', 'write'] }] }
  assert.deepEqual(permitted(await entitlement(bob, asked)), { diary: ['read', 'write'] })
  // The app keeps the RPT and shows it at the next question: what it permits stays.
  const more = await entitlement(alice, { permissions: [{ id: diary, scopes: ['read'] }] })
  assert.deepEqual(permitted(more), { diary: ['read'], plan: ['read'] })
  await resources.protection('DELETE', `uma-policy/${id}`, undefined, token)
  assert.equal(await entitlement(bob, asked), 'denied')
})

test('a site that the client does not name gets no answer', async (t) => {
  const stranger = await startSite()
  t.after(() => stranger.stop())
  const page = await signedIn(t, 'alice')
  const token = await page.evaluate(() => keycloak.token)
  const asks = async ({ base, token }) => {
    const { default: KeycloakAuthorization } = await import('/keycloak-authz.js')
    const known = { didInitialize: true, authServerUrl: base, realm: 'test', clientId: 'app', token }
    const authorization = new KeycloakAuthorization(known)
    return new Promise((resolve) => {
      const asked = authorization.entitlement('documents', { permissions: [{ id: 'plan', scopes: ['read'] }] })
      asked.then(() => resolve('granted'), () => resolve('denied'), (error) => resolve(String(error ?? 'failed')))
    })
  }
  await page.goto(`${apps.site}/bye`)
  assert.equal(await page.evaluate(asks, { base: server.base, token }), 'granted')
  const complaints = []
  page.on('console', (message) => complaints.push(message.text()))
  await page.goto(`${stranger.site}/bye`)
  assert.equal(await page.evaluate(asks, { base: server.base, token }), 'failed')
  const blocked = /openid-connect\/token.*blocked by CORS policy/
  assert.ok(complaints.some((text) => blocked.test(text)), complaints.join('\n'))
})
