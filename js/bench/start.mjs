// From nothing to the first answer: a process of Node and a Worker in workerd, each with a guard that fetches its keys from
// this machine; and what a check costs in workerd, beside jose in the same Worker, first seen and seen before, with few
// permissions and with many. Its clock stands still while it computes, so that the time is taken from outside. Prints one JSON
// array of rows.
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
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA']
const JS = join(dirname(fileURLToPath(import.meta.url)), '..')
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]
const round = (value) => Math.round(value * 100) / 100
const milliseconds = (begin) => Number(process.hrtime.bigint() - begin) / 1e6

const issuer = await Issuer.start(ALGORITHMS)
let serial = 0
/** A token of now that nobody has seen, with so many permissions, of which the one in the middle is asked for */
function mint(alg, permissions = 1) {
  issuer.now = Math.floor(Date.now() / 1_000)
  const rsid = (at) => (at === permissions >> 1 ? '42' : `7f1c9a52-${at}`)
  const list = Array.from({ length: permissions }, (_, at) => ({ rsid: rsid(at), rsname: `document ${at}`, scopes: ['read'] }))
  return issuer.token({ jti: `onrtna:${(serial += 1)}`, authorization: { permissions: list } }, alg)
}
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
  import { createLocalJWKSet, jwtVerify } from 'jose'
  let guard, keys
  const ask = {
    async countersign(token, { issuer }) {
      guard ??= await createGuard({ issuer, audience: 'documents' })
      return (await guard.check({ token, resource: '42', scopes: ['read'] })).permitted
    },
    async jose(token, { issuer, jwks }) {
      keys ??= createLocalJWKSet(jwks)
      return (await jwtVerify(token, keys, { issuer, audience: 'documents' })).payload.sub === 'bob'
    },
  }
  export default {
    async fetch(request) {
      const given = await request.json()
      let right = 0
      for (let n = 0; n < given.times; n += 1) right += await ask[given.who](given.tokens[n % given.tokens.length], given)
      return new Response(String(right))
    },
  }`

async function workerd() {
  const outdir = join(folder, 'worker')
  await build({
    stdin: { contents: WORKER, resolveDir: JS }, bundle: true, format: 'esm', platform: 'neutral', mainFields: ['module'], target: 'es2022', logLevel: 'error',
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
  const call = async (tokens, times, who = 'countersign') => {
    const given = { issuer: issuer.url, jwks: { keys: issuer.keys }, tokens, times, who }
    const said = await (await fetch(url, { method: 'POST', body: JSON.stringify(given) })).text()
    if (said !== String(times)) throw new Error(`${said} of ${times} were right`)
  }
  const first = process.hrtime.bigint()
  await call([mint('ES256')], 1)
  const answered = { process: milliseconds(begin), isolate: milliseconds(first) }
  return { call, answered, stop: () => (child.kill('SIGTERM'), once(child, 'exit')) }
}

/**
 * Microseconds of one check by each of them, all taking turns: the median of requests with so many checks, less the median of
 * the same requests with none
 */
async function each(worker, tokens, times, contenders = ['countersign']) {
  const taken = contenders.map((who) => ({ who, idle: [], busy: [] }))
  for (let n = 0; n < ROUNDS; n += 1) {
    const given = tokens()
    for (const { who, idle, busy } of taken) {
      for (const [list, count] of [[idle, 0], [busy, times]]) {
        const begin = process.hrtime.bigint()
        await worker.call(given, count, who)
        list.push(milliseconds(begin))
      }
    }
  }
  return taken.map(({ idle, busy }) => round((median(busy) - median(idle)) * 1_000 / times))
}

try {
  const check = `import { createGuard } from ${JSON.stringify(join(JS, 'dist', 'index.js'))}
    const guard = await createGuard({ issuer: ${JSON.stringify(issuer.url)}, audience: 'documents' })
    console.log((await guard.check({ token: ${JSON.stringify(mint('ES256'))}, resource: '42', scopes: ['read'] })).permitted)`
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
  // Until the engine has compiled what it runs often
  await worker.call([mint('ES256')], CHECKS)
  for (const alg of ALGORITHMS) {
    await worker.call([mint(alg)], TOKENS, 'jose')
    const fresh = () => Array.from({ length: TOKENS }, () => mint(alg))
    const [value, jose] = await each(worker, fresh, TOKENS, ['countersign', 'jose'])
    rows.push({ name: `RPT check in workerd, first seen, ${alg}`, value, unit: 'µs', peer: 'jose', peer_value: jose })
  }
  for (const size of [1, 50, 1_000]) {
    const count = size > 100 ? 20 : TOKENS
    const fresh = () => Array.from({ length: count }, () => mint('ES256', size))
    const [value, jose] = await each(worker, fresh, count, ['countersign', 'jose'])
    const same = mint('ES256', size)
    const [seen] = await each(worker, () => [same], CHECKS)
    rows.push(
      { name: `RPT check in workerd, first seen, ES256, permissions: ${size}`, value, unit: 'µs', peer: 'jose', peer_value: jose },
      { name: `RPT check in workerd, seen before, permissions: ${size}`, value: seen, unit: 'µs' },
    )
  }
  await worker.stop()
} finally {
  await issuer.stop()
  await rm(folder, { recursive: true, force: true })
}
console.log(JSON.stringify(rows.map((row) => ({ ...row, higher_is_better: false })), null, 2))
