// Apps as people write them, with the libraries that they use, in a browser as people have it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

import { startServer, startSite } from './server.mjs'

let browser
let server
let apps

before(async () => {
  apps = await startSite()
  server = await startServer(apps.site)
  const executablePath = process.env.COUNTERSIGN_CHROMIUM ?? '/usr/bin/chromium'
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})

after(async () => {
  await browser?.close()
  await server?.stop()
  await apps?.stop()
})

/** A new profile; whatever the browser complains about fails the test */
const visit = async (t, options = {}) => {
  const context = await browser.newContext(options)
  const complaints = []
  context.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`)
  })
  context.on('weberror', (error) => complaints.push(String(error.error())))
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [])
  })
  return context
}

const fill = async (page, password = 'alice-password') => {
  await page.getByLabel('Username or email').fill('alice')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

const shows = (page, text) => page.locator('#state', { hasText: text }).waitFor({ timeout: 20_000 })

test('keycloak-js signs in, refreshes, is recognised elsewhere and signs out everywhere', async (t) => {
  const context = await visit(t)
  const page = await context.newPage()
  await page.goto(`${apps.site}/keycloak?load=login-required&base=${encodeURIComponent(server.base)}`)
  await fill(page)
  await shows(page, 'alice')
  const before = await page.evaluate(() => keycloak.token)
  assert.equal(await page.evaluate(() => keycloak.updateToken(-1)), true)
  assert.notEqual(await page.evaluate(() => keycloak.token), before)
  assert.equal((await page.evaluate(() => keycloak.loadUserInfo())).email, 'alice@test.example')

  const second = await context.newPage()
  await second.goto(`${apps.site}/keycloak?load=check-sso&base=${encodeURIComponent(server.base)}`)
  await shows(second, 'alice')

  await page.evaluate((to) => { keycloak.logout({ redirectUri: to }) }, `${apps.site}/bye`)
  await shows(page, 'bye')
  // The frame in the other window notices.
  await second.waitForFunction(() => events.includes('logout'), null, { timeout: 20_000 })
  const third = await context.newPage()
  await third.goto(`${apps.site}/keycloak?load=check-sso&base=${encodeURIComponent(server.base)}`)
  await shows(third, 'nobody')
})

test('oidc-client-ts signs in, renews in a frame and signs out', async (t) => {
  const context = await visit(t)
  const page = await context.newPage()
  await page.goto(`${apps.site}/oidc?base=${encodeURIComponent(server.base)}`)
  await shows(page, 'nobody')
  await page.evaluate(() => { manager.signinRedirect() })
  await fill(page)
  await shows(page, 'alice')
  const renewed = await page.evaluate(async () => {
    const user = await manager.getUser()
    // Without its refresh token it asks by a frame.
    await manager.storeUser(Object.assign(user, { refresh_token: undefined }))
    return (await manager.signinSilent()).profile.email
  })
  assert.equal(renewed, 'alice@test.example')
  await page.evaluate(() => { manager.signoutRedirect() })
  await shows(page, 'bye')
})

/** What an app without scripts sends people to */
const request = (more = {}) => {
  const query = new URLSearchParams({
    ...more,
    response_type: 'code', client_id: 'app', redirect_uri: `${apps.site}/plain`, scope: 'openid', state: 's',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
  })
  return `${server.base}/realms/test/protocol/openid-connect/auth?${query}`
}

test('the pages work without scripts, and say what is wrong', async (t) => {
  const context = await visit(t, { javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(request())
  await page.getByText('Test & Sons', { exact: true }).waitFor()
  await fill(page, 'wrong')
  assert.equal(await page.getByRole('alert').innerText(), 'Invalid username or password.')
  await page.getByLabel('Remember me').check()
  await fill(page)
  await shows(page, 'back')
  assert.match(page.url(), /[?&]code=[\w-]{43}/)
  const kept = (await context.cookies(`${server.base}/realms/test/`)).find((cookie) => cookie.name.endsWith('IDENTITY'))
  assert.equal(kept.httpOnly, true)
  assert.equal(kept.sameSite, 'Lax')
  assert.ok(kept.expires > 0)
  await page.goto(`${server.base}/realms/test/protocol/openid-connect/logout`)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('You are signed out.').waitFor()
})

test('a passkey is made and signs in in place of the password', async (t) => {
  const context = await visit(t)
  const page = await context.newPage()
  const devices = await context.newCDPSession(page)
  await devices.send('WebAuthn.enable')
  const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  })
  const credentials = async () => (await devices.send('WebAuthn.getCredentials', { authenticatorId })).credentials

  await page.goto(request({ kc_action: 'webauthn-register-passwordless' }))
  await fill(page)
  // A device that cannot tell who holds it makes none, and the page stays.
  await devices.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await page.getByRole('button', { name: 'Set up a passkey' }).click()
  await page.getByText('No passkey was made.').waitFor()
  await devices.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
  await page.getByLabel('Name of the passkey').fill('My laptop')
  await page.getByLabel('Name of the passkey').press('Enter')
  await shows(page, 'back')
  assert.equal(new URL(page.url()).searchParams.get('kc_action_status'), 'success')
  const [made] = await credentials()
  assert.equal(made.rpId, 'localhost')
  assert.equal(made.isResidentCredential, true)

  // From now on nobody types a name. The field offers it, or the button asks for it.
  await context.clearCookies()
  await devices.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled: false })
  await page.goto(request())
  const button = page.getByRole('button', { name: 'Sign in with a passkey' })
  await button.waitFor()
  await devices.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await devices.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled: true })
  await button.click()
  await page.getByText('No passkey was used.').waitFor()
  await devices.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
  await button.click()
  await shows(page, 'back')
  assert.match(page.url(), /[?&]code=[\w-]{43}/)
  assert.ok((await credentials())[0].signCount > made.signCount)
})

for (const colorScheme of ['light', 'dark']) {
  test(`text can be read in the ${colorScheme} look, on a small screen too`, async (t) => {
    const context = await visit(t, { colorScheme, viewport: { width: 360, height: 640 } })
    const page = await context.newPage()
    await page.goto(request())
    await fill(page, 'wrong')
    await page.getByRole('alert').waitFor()
    if (process.env.COUNTERSIGN_SHOTS) {
      await page.screenshot({ path: `${process.env.COUNTERSIGN_SHOTS}/${colorScheme}.png` })
    }
    const worst = await page.evaluate(() => {
      const parse = (text) => text.match(/[\d.]+/g).map(Number)
      const light = ([r, g, b]) => {
        const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
      }
      const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
          const colour = parse(getComputedStyle(at).backgroundColor)
          if (colour.length === 3 || colour[3] === 1) return colour
        }
        return [255, 255, 255]
      }
      const texts = [...document.querySelectorAll('main *')].filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== ''))
      return Math.min(...texts.map((element) => {
        const [one, two] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a)
        return (one + 0.05) / (two + 0.05)
      }))
    })
    assert.ok(worst >= 4.5, `a contrast of ${worst} (WCAG 2.2, 1.4.3)`)
    const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
    assert.equal(overflows, false)
  })
}
