// Pages in a real Chromium: the module without a bundler under a strict CSP, and the example as Vite builds it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { createProtection } from 'countersign/protection'
import { chromium } from 'playwright-core'
import { build as vite } from 'vite'

import { Issuer } from './issuer.mjs'
import { noServer, realm, Server } from './server.mjs'

const JS = join(dirname(fileURLToPath(import.meta.url)), '..')
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const skip = existsSync(CHROMIUM) ? false : `needs \`${CHROMIUM}\``
const TYPES = { html: 'text/html', js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm' }

/** Serves a folder; `others` answers what is not in it. */
async function serve(root, headers = {}, others = (_, response) => response.writeHead(404).end()) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://x').pathname)
    const file = join(root, path.endsWith('/') ? `${path}index.html` : path)
    if (!existsSync(file)) return others(request, response)
    response.writeHead(200, { 'content-type': TYPES[file.split('.').at(-1)] ?? 'text/plain', ...headers }).end(readFileSync(file))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) }
}

let browser
before(async () => {
  if (!skip) browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
})
after(() => browser?.close())

/** A page, and all that it complained of */
async function open(url) {
  const page = await browser.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  await page.goto(url)
  return { page, faults }
}

describe('countersign/browser', { skip }, () => {
  // What WebAssembly needs, and nothing that runs text.
  const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
  let issuer, site
  before(async () => {
    issuer = await Issuer.start(['ES256'])
    const others = ({ url }, response) => {
      const [type, body] = url === '/page.mjs' ? ['text/javascript', readFileSync(join(JS, 'test/runtimes/page.mjs'))] : ['text/html', '<!doctype html><title>x</title>']
      response.writeHead(200, { 'content-type': type, 'content-security-policy': CSP }).end(body)
    }
    site = await serve(join(JS, 'dist'), { 'content-security-policy': CSP }, others)
  })
  after(async () => {
    site?.stop()
    await issuer?.stop()
  })

  it('verifies, explains and reads challenges in a page without bundler and `unsafe-eval`', async () => {
    const { page, faults } = await open(`${site.url}/page`)
    const [token, foreign] = [issuer.token(), issuer.token({ aud: 'else' })]
    const asked = { token, foreign, jwks: JSON.stringify({ keys: issuer.keys }), now: issuer.now, issuer: issuer.url }
    const seen = await page.evaluate(async (asked) => (await import('/page.mjs')).run(asked), asked)
    assert.deepEqual(seen, {
      codes: ['bob', 'invalid_signature', 'wrong_audience', 'invalid_token'], listed: true,
      challenge: { realm: 'r', as_uri: issuer.url, ticket: 't' }, plain: [false, 1], verified: [true, true, '42'],
    })
    assert.deepEqual(faults, [])
    await page.close()
  })

  it('needs no more: the page cannot evaluate text', async () => {
    const { page } = await open(`${site.url}/page`)
    assert.equal(await page.evaluate(async () => (await import('/page.mjs')).evaluated()), 'EvalError')
    await page.close()
  })
})

describe('the example vite-react', { skip: skip || noServer }, () => {
  let server, example, site, folder
  before(async () => {
    const description = realm()
    for (const client of description.clients) if (client.clientId === 'reader') client.webOrigins = ['*']
    server = await Server.start(description)
    const env = { ...process.env, ISSUER: server.issuer, CLIENT_ID: 'documents', CLIENT_SECRET: 'documents-secret', PORT: '0' }
    example = spawn(process.execPath, [join(JS, 'examples/fastify/src/main.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const { listening } = JSON.parse((await once(createInterface({ input: example.stdout }), 'line'))[0])
    folder = await mkdtemp(join(tmpdir(), 'countersign-vite-'))
    process.env.VITE_ISSUER = server.issuer
    const root = join(JS, 'examples/vite-react')
    await vite({ root, logLevel: 'silent', build: { outDir: folder, emptyOutDir: true } })
    // As a proxy does it that has page and documents behind one origin.
    site = await serve(folder, {}, async (request, response) => {
      const { authorization } = request.headers
      const answer = await fetch(`${listening}${request.url}`, { headers: authorization ? { authorization } : {} })
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
    })
  })
  after(async () => {
    site?.stop()
    if (example !== undefined) {
      example.kill('SIGTERM')
      await once(example, 'exit')
    }
    await server?.stop()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  it('asks the owner, waits, and shows the document as soon as it may', async () => {
    const { page } = await open(site.url)
    await page.getByLabel('Name').fill('bob')
    await page.getByLabel('Password').fill('bob-password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Open document 42' }).click()
    await page.getByText('The owner has been asked.').waitFor()
    const protection = createProtection(server.credentials)
    for await (const { id } of protection.tickets.list({ granted: false })) await protection.tickets.grant(id)
    await page.locator('article').waitFor()
    assert.equal(await page.locator('article').textContent(), 'The answer.')
    await page.close()
  })
})
