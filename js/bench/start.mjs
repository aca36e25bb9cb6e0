// From nothing to the first answer: a process of Node and a Worker in workerd, each with a guard that fetches its keys from
// this machine; and what a check costs in workerd, whose clock stands still while it computes, so that it is taken from
// outside. Prints one JSON array of rows.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

import { Issuer } from '../test/issuer.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 11)
// So many in one request that they take far longer than the request itself
const CHECKS = Number(process.env.CHECKS ?? 200_000)
const TOKENS = 400
const JS = join(dirname(fileURLToPath(import.meta.url)), '..')
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]
const round = (value) => Math.round(value * 100) / 100
const milliseconds = (begin) => Number(process.hrtime.bigint() - begin) / 1e6

const issuer = await Issuer.start(['ES256'])
issuer.now = Math.floor(Date.now() / 1_000)
const folder = await mkdtemp(join(tmpdir(), 'countersign-start-'))
const rows = []

async function node(script) {
  const file = join(folder, 'main.mjs')
  await writeFile(file, script)
  const times = []
  for (let n = 0; n < ROUNDS; n += 1) {
    const begin = process.hrtime.bigint()
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [out] = await once(child.stdout, 'data')
    times.push(milliseconds(begin))
    if (!String(out).startsWith('true')) throw new Error(`it said ${out}`)
    await once(child, 'exit')
  }
  return median(times)
}

const WORKER = `
  import { createGuard } from ${JSON.stringify(join(JS, 'dist', 'index.js'))}
  let guard
  export default {
    async fetch(request) {
      const { issuer, tokens, times } = await request.json()
      guard ??= await createGuard({ issuer, audience: 'documents' })
      let permitted = 0
      for (let n = 0; n < times; n += 1) {
        const answer = await guard.check({ token: tokens[n % tokens.length], resource: '42', scopes: ['read'] })
        permitted += answer.permitted
      }
      return new Response(String(permitted))
    },
  }`

async function workerd() {
  const outdir = join(folder, 'worker')
  await build({
    stdin: { contents: WORKER, resolveDir: JS }, bundle: true, format: 'esm', platform: 'neutral', mainFields: [], target: 'es2022', logLevel: 'error',
    loader: { '.wasm': 'copy' }, assetNames: '[name]', outdir, entryNames: 'main', outExtension: { '.js': '.mjs' }, conditions: ['workerd'],
  })
  const names = readdirSync(outdir).filter((name) => /\.(mjs|wasm)$/.test(name)).sort((one) => (one.startsWith('main') || one.startsWith('stdin') ? -1 : 1))
  const modules = names.map((name) => `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}")`)
  await writeFile(join(outdir, 'config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["public", "private", "local"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const main :Workerd.Worker = (modules = [${modules.join(', ')}], compatibilityDate = "2026-01-01");`)
  const begin = process.hrtime.bigint()
  const child = spawn(join(JS, 'node_modules/.bin/workerd'), ['serve', '--control-fd=3', 'config.capnp'], { cwd: outdir, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  const [line] = await once(child.stdio[3], 'data')
  const url = `http://127.0.0.1:${JSON.parse(String(line).split('\n')[0]).port}`
  const call = async (tokens, times) => {
    const said = await (await fetch(url, { method: 'POST', body: JSON.stringify({ issuer: issuer.url, tokens, times }) })).text()
    if (said !== String(times)) throw new Error(`${said} of ${times} were permitted`)
  }
  const first = process.hrtime.bigint()
  await call([issuer.token()], 1)
  const answered = { process: milliseconds(begin), isolate: milliseconds(first) }
  return { call, answered, stop: () => (child.kill('SIGTERM'), once(child, 'exit')) }
}

/**
 * Microseconds of one check, seen before or first seen: the median of requests with so many checks, less the median of the same
 * requests with none
 */
async function each(worker, tokens, times) {
  const [idle, busy] = [[], []]
  for (let n = 0; n < ROUNDS; n += 1) {
    const given = tokens()
    for (const [list, count] of [[idle, 0], [busy, times]]) {
      const begin = process.hrtime.bigint()
      await worker.call(given, count)
      list.push(milliseconds(begin))
    }
  }
  return (median(busy) - median(idle)) * 1_000 / times
}

try {
  const check = `import { createGuard } from ${JSON.stringify(join(JS, 'dist', 'index.js'))}
    const guard = await createGuard({ issuer: ${JSON.stringify(issuer.url)}, audience: 'documents' })
    console.log((await guard.check({ token: ${JSON.stringify(issuer.token())}, resource: '42', scopes: ['read'] })).permitted)`
  const [empty, full] = [await node('console.log(true)'), await node(check)]
  rows.push({ name: 'Cold start in Node to the first checked token', value: round(full), unit: 'ms', peer: 'Node that does nothing', peer_value: round(empty) })
  const starts = []
  for (let n = 0; n < Math.ceil(ROUNDS / 2); n += 1) {
    const worker = await workerd()
    starts.push(worker.answered)
    await worker.stop()
  }
  rows.push(
    { name: 'Cold start in workerd to the first checked token, process', value: round(median(starts.map(({ process }) => process))), unit: 'ms' },
    { name: 'First request of an isolate in workerd', value: round(median(starts.map(({ isolate }) => isolate))), unit: 'ms' },
  )
  const worker = await workerd()
  const same = issuer.token()
  let serial = 0
  const fresh = () => Array.from({ length: TOKENS }, () => issuer.token({ jti: `onrtna:${(serial += 1)}` }))
  // Until the engine has compiled what it runs often
  await worker.call([same], CHECKS)
  rows.push(
    { name: 'RPT check in workerd, seen before', value: round(await each(worker, () => [same], CHECKS)), unit: 'µs' },
    { name: 'RPT check in workerd, first seen, ES256', value: round(await each(worker, fresh, TOKENS)), unit: 'µs' },
  )
  await worker.stop()
} finally {
  await issuer.stop()
  await rm(folder, { recursive: true, force: true })
}
console.log(JSON.stringify(rows.map((row) => ({ ...row, higher_is_better: false })), null, 2))
