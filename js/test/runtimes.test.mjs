// The vectors in every runtime that the package names.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

import { build } from 'esbuild'
import { build as vite } from 'vite'
import { createProtection } from 'countersign/protection'

import { Issuer } from './issuer.mjs'
import { KINDS } from './runtimes/vectors.mjs'
import { noServer, Server } from './server.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const BIN = join(HERE, '..', 'node_modules', '.bin')
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const VECTORS = join(HERE, '..', '..', 'tests', 'vectors')

const vectors = readdirSync(VECTORS, { recursive: true })
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) => JSON.parse(readFileSync(join(VECTORS, name), 'utf8')))
  // How a server words its answers is the server's own; everything else is answered here.
  .filter(({ kind }) => kind !== 'dialect')

function isRight({ passed, failures }) {
  assert.deepEqual(failures, [])
  assert.equal(passed, vectors.length)
}

/** A runtime that is not here fails its tests: a vector that was not asked was not answered. */
async function needs(name) {
  const runs = existsSync(join(BIN, name)) && (await promisify(execFile)(join(BIN, name), ['--version']).then(() => true, () => false))
  assert.ok(runs, `\`${name}\` does not run here: npm ci`)
}

describe('the vectors', () => {
  let folder, file
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-runtimes-'))
    file = join(folder, 'vectors.json')
    await writeFile(file, JSON.stringify(vectors))
  })
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

  it('are many, and of every kind that the package answers', () => {
    assert.ok(vectors.length > 1_300, String(vectors.length))
    assert.deepEqual([...new Set(vectors.map(({ kind }) => kind))].sort(), [...KINDS].sort())
  })

  for (const [name, ...args] of [['deno', 'run', '--allow-read', '--allow-env'], ['bun', 'run']]) {
    it(`are answered alike in ${name}`, async () => {
      await needs(name)
      const { stdout } = await promisify(execFile)(join(BIN, name), [...args, join(HERE, 'runtimes', 'main.mjs'), file], { maxBuffer: 1 << 26 })
      isRight(JSON.parse(stdout))
    })
  }

  it('are answered alike in Node with WebCrypto, as a browser loads it', async () => {
    // The platform for browsers, with a server for the module that it fetches.
    const bundled = await bundle(folder, 'browser', join(HERE, 'runtimes', 'vectors.mjs'), ['browser'])
    const { run } = await import(bundled)
    isRight(await run(vectors))
  })

  it('are answered alike in Chromium', async () => {
    assert.ok(existsSync(CHROMIUM), `needs \`${CHROMIUM}\`: apt-get install chromium`)
    isRight(await inChromium(folder))
  })

  it('are answered alike in workerd', async () => {
    await needs('workerd')
    const worker = await Workerd.start(folder, join(HERE, 'runtimes', 'worker.mjs'))
    try {
      isRight(await worker.call('/', { method: 'POST', body: JSON.stringify(vectors) }).then((answer) => answer.json()))
    } finally {
      await worker.stop()
    }
  })
})

/** A page with the package as Vite bundles it, which sends home what it has found */
async function inChromium(folder) {
  const root = join(folder, 'page')
  await mkdir(root)
  await writeFile(join(root, 'index.html'), '<!doctype html><script type="module" src="./page.js"></script>')
  await writeFile(join(root, 'page.js'), `import { run } from ${JSON.stringify(join(HERE, 'runtimes', 'vectors.mjs'))}
    const send = (outcome) => fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) })
    run(await (await fetch('/vectors')).json()).then(send, (error) => send({ passed: 0, failures: [String(error)] }))`)
  await vite({ root, logLevel: 'silent', configFile: false, base: './', build: { outDir: 'dist', target: 'es2022', assetsInlineLimit: 0 } })
  const TYPES = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' }
  let done
  const outcome = new Promise((resolve) => (done = resolve))
  const server = createServer(async (request, response) => {
    if (request.url === '/vectors') return response.end(JSON.stringify(vectors))
    if (request.url === '/outcome') {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      done(JSON.parse(Buffer.concat(chunks).toString()))
      return response.end()
    }
    const file = join(root, 'dist', request.url === '/' ? 'index.html' : request.url)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[file.split('.').at(-1)] ?? 'text/plain' }).end(readFileSync(file))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${join(folder, 'profile')}`, '--no-first-run']
  const browser = spawn(CHROMIUM, [...args, '--remote-debugging-port=0', `http://127.0.0.1:${server.address().port}/`], { stdio: 'ignore' })
  try {
    return await Promise.race([outcome, once(browser, 'exit').then(() => assert.fail('Chromium has ended'))])
  } finally {
    server.closeAllConnections()
    server.close()
    if (browser.exitCode === null) {
      browser.kill('SIGKILL')
      await once(browser, 'exit')
    }
  }
}

/** One file with the package in it, resolved by the conditions of a runtime */
async function bundle(folder, name, entry, conditions) {
  const outdir = join(folder, name)
  const options = { bundle: true, format: 'esm', platform: 'neutral', mainFields: [], target: 'es2022', logLevel: 'error' }
  // Modules of WebAssembly stay files beside it, under their own names.
  const wasm = { loader: { '.wasm': 'copy' }, assetNames: '[name]' }
  await build({ ...options, ...wasm, entryPoints: [entry], outdir, entryNames: 'main', outExtension: { '.js': '.mjs' }, conditions })
  if (conditions.includes('browser')) return fetched(outdir)
  return join(outdir, 'main.mjs')
}

/** What a browser would fetch: over HTTP, from beside the file */
async function fetched(outdir) {
  const wasm = join(HERE, '..', 'dist', 'wasm')
  const server = createServer(({ url }, response) => {
    response.writeHead(200, { 'content-type': 'application/wasm' }).end(readFileSync(join(wasm, url.split('/').at(-1))))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  server.unref()
  const main = join(outdir, 'main.mjs')
  const address = `"http://127.0.0.1:${server.address().port}/"`
  await writeFile(main, readFileSync(main, 'utf8').replaceAll('import.meta.url', address))
  return main
}

/** workerd with one Worker on a free port */
class Workerd {
  /** `kept` is an address that keeps what the Worker puts into KV or the Cache API. */
  static async start(folder, entry, bindings = {}, kept = undefined) {
    const worker = new Workerd()
    const main = await bundle(folder, `workerd-${Object.keys(bindings).length}`, entry, ['workerd'])
    const outdir = dirname(main)
    const modules = readdirSync(outdir).filter((name) => /\.(mjs|wasm)$/.test(name)).map((name) => `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}")`)
    // The file that is named first is the one that runs.
    modules.sort((one) => (one.includes('main.mjs') ? -1 : 1))
    const texts = Object.entries(bindings).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`)
    if (kept?.kind === 'kv') texts.push('(name = "KEPT", kvNamespace = "kept")')
    const service = kept === undefined ? '' : `(name = "kept", external = (address = "${kept.address}", http = ())),`
    const cache = kept?.kind === 'cache' ? ', cacheApiOutbound = "kept"' : ''
    await writeFile(join(outdir, 'config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), ${service} (name = "internet", network = (allow = ["public", "private", "local"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [${modules.join(', ')}], bindings = [${texts.join(', ')}], compatibilityDate = "2026-01-01"${cache}
);`)
    worker.child = spawn(join(BIN, 'workerd'), ['serve', '--control-fd=3', 'config.capnp'], { cwd: outdir, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
    const [line] = await Promise.race([
      once(worker.child.stdio[3], 'data'),
      once(worker.child, 'exit').then(() => assert.fail('workerd has ended')),
    ])
    worker.url = `http://127.0.0.1:${JSON.parse(String(line).split('\n')[0]).port}`
    return worker
  }

  call(path, init) {
    return fetch(`${this.url}${path}`, init)
  }

  async stop() {
    this.child.kill('SIGTERM')
    await once(this.child, 'exit')
  }
}

describe('the example worker in workerd', { skip: noServer }, () => {
  it('sends for tickets and serves who has permission, many at once', async () => {
    await needs('workerd')
    const server = await Server.start()
    const folder = await mkdtemp(join(tmpdir(), 'countersign-workerd-'))
    let worker
    try {
      const protection = createProtection(server.credentials)
      const id = await protection.ensure({ name: 'document 42', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read'] })
      await protection.tickets.create({ resource: id, scopeName: 'read', requesterName: 'bob', granted: true })
      worker = await Workerd.start(folder, join(HERE, '..', 'examples', 'worker', 'src', 'worker.mjs'), {
        ISSUER: server.issuer, CLIENT_ID: 'documents', CLIENT_SECRET: 'documents-secret', RESOURCES: JSON.stringify({ 42: id }),
      })
      const answers = await Promise.all(Array.from({ length: 20 }, () => worker.call('/documents/42')))
      for (const answer of answers) assert.equal(answer.status, 401)
      assert.equal((await worker.call('/documents/43')).status, 403)
      const [, ticket] = /ticket="([^"]+)"/.exec(answers[0].headers.get('www-authenticate'))
      const exchanged = await fetch(`${server.issuer}/protocol/openid-connect/token`, {
        method: 'POST', headers: { authorization: `Bearer ${await server.token('bob')}` },
        body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket', ticket }),
      })
      const { access_token: rpt } = await exchanged.json()
      const headers = { authorization: `Bearer ${rpt}` }
      const served = await Promise.all(Array.from({ length: 20 }, () => worker.call('/documents/42', { headers })))
      for (const answer of served) assert.equal(answer.status, 200)
      assert.equal((await served[0].json()).id, '42')
      await server.stop()
      assert.equal((await worker.call('/documents/42', { headers })).status, 200, 'with the server down')
      const away = await worker.call('/documents/42')
      assert.deepEqual([away.status, away.headers.get('warning')], [403, '199 - "UMA Authorization Server Unreachable"'])
    } finally {
      await worker?.stop()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })

  for (const kind of ['kv', 'cache']) {
    it(`comes back warm from ${kind === 'kv' ? 'KV' : 'the Cache API'} after it was evicted`, async () => {
      await needs('workerd')
      const issuer = await Issuer.start(['ES256'])
      const folder = await mkdtemp(join(tmpdir(), 'countersign-workerd-'))
      const kept = await Kept.start(kind)
      const bindings = { ISSUER: issuer.url, CLIENT_ID: 'documents', CLIENT_SECRET: 's', RESOURCES: JSON.stringify({ 42: '42' }) }
      issuer.now = Math.floor(Date.now() / 1_000)
      const headers = { authorization: `Bearer ${issuer.token()}` }
      const main = join(HERE, '..', 'examples', 'worker', 'src', 'worker.mjs')
      try {
        const first = await Workerd.start(folder, main, bindings, kept)
        assert.equal((await first.call('/documents/42', { headers })).status, 200)
        await kept.written
        await first.stop()
        const asked = issuer.requests.length
        assert.ok(asked > 0)
        const second = await Workerd.start(folder, main, bindings, kept)
        assert.equal((await second.call('/documents/42', { headers })).status, 200)
        await second.stop()
        assert.equal(issuer.requests.length, asked, 'nobody was asked')
      } finally {
        kept.stop()
        await issuer.stop()
        await rm(folder, { recursive: true, force: true })
      }
    })
  }

  it('is small enough to start within the limits, and deploys with the modules beside it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-workerd-'))
    try {
      const worker = join(HERE, '..', 'examples', 'worker')
      const settings = JSON.parse(readFileSync(join(worker, 'wrangler.jsonc'), 'utf8').replaceAll(/^\s*\/\/.*$/gm, ''))
      assert.equal(settings.compatibility_date, '2026-01-01', 'the one that is tested')
      const main = await bundle(folder, 'deployed', join(worker, settings.main), ['workerd'])
      const files = readdirSync(dirname(main))
      assert.ok(files.includes('guard_bg.wasm') && files.includes('gate_bg.wasm'), files.join())
      assert.ok(!files.includes('pdp_bg.wasm'), 'nobody has asked for the full module')
      const size = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(dirname(main), name))).length, 0)
      assert.ok(size < 1_000_000, `${size} bytes after gzip`)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

/** What outlives a Worker: the HTTP services that workerd wants behind a KV namespace and behind the Cache API */
class Kept {
  #values = new Map()

  static async start(kind) {
    const kept = new Kept()
    kept.kind = kind
    kept.written = new Promise((resolve) => (kept.wrote = resolve))
    kept.server = createServer(async (request, response) => {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      const key = request.url.split('?')[0]
      if (request.method === 'PUT') {
        kept.#values.set(key, Buffer.concat(chunks))
        response.writeHead(kind === 'kv' ? 200 : 204).end()
        return kept.wrote()
      }
      const value = kept.#values.get(key)
      if (value === undefined) return response.writeHead(kind === 'kv' ? 404 : 504).end()
      if (kind === 'kv') return response.writeHead(200).end(value)
      // What is put into the cache is a whole answer, head and body.
      const text = value.toString('latin1')
      const [head, body] = [text.slice(0, text.indexOf('\r\n\r\n')), text.slice(text.indexOf('\r\n\r\n') + 4)]
      const plain = /transfer-encoding: chunked/i.test(head) ? body.replaceAll(/([\da-f]+)\r\n([^]*?)\r\n(?=[\da-f]+\r\n|$)/gi, '$2') : body
      response.writeHead(200, { 'content-type': 'text/plain', 'cf-cache-status': 'HIT' }).end(Buffer.from(plain, 'latin1'))
    })
    await once(kept.server.listen(0, '127.0.0.1'), 'listening')
    kept.address = `127.0.0.1:${kept.server.address().port}`
    return kept
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }
}
