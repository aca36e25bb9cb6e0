// How long a page in Chromium takes from nothing to the first checked token, without a bundler. Prints one JSON array of rows.
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { chromium } from 'playwright-core'

import { Issuer } from '../test/issuer.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 11)
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const DIST = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' }

const issuer = await Issuer.start(['ES256'])
issuer.now = Math.floor(Date.now() / 1_000)
const site = createServer(({ url }, response) => {
  const file = join(DIST, new URL(url, 'http://x').pathname)
  if (!existsSync(file) || url === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')
  response.writeHead(200, { 'content-type': TYPES[file.split('.').at(-1)] ?? 'text/plain' }).end(readFileSync(file))
})
await once(site.listen(0, '127.0.0.1'), 'listening')
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]
const rows = []
try {
  for (const withdrawals of ['none', 'list']) {
    const times = []
    for (let n = 0; n < ROUNDS; n += 1) {
      // Another context has another cache.
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.goto(`http://127.0.0.1:${site.address().port}/`)
      const given = { token: issuer.token(), jwks: JSON.stringify({ keys: issuer.keys }), issuer: issuer.url, now: issuer.now, withdrawals }
      times.push(await page.evaluate(async ({ token, jwks, issuer, now, withdrawals }) => {
        const begin = performance.now()
        const { createGuard } = await import('/browser/index.js')
        const state = { version: 1, issuer, jwksUri: issuer, jwks, fetchedAt: now }
        const guard = await createGuard({ issuer, audience: 'documents', withdrawals, state })
        const answer = await guard.check({ token, resource: '42', scopes: ['read'] })
        if (!answer.permitted) throw new Error(answer.message)
        return performance.now() - begin
      }, given))
      await context.close()
    }
    const name = `Time in a page to the first checked token, ${withdrawals === 'none' ? 'guard.wasm' : 'gate.wasm'}`
    rows.push({ name, value: Math.round(median(times) * 100) / 100, unit: 'ms', higher_is_better: false })
  }
} finally {
  await browser.close()
  site.close()
  await issuer.stop()
}
console.log(JSON.stringify(rows, null, 2))
