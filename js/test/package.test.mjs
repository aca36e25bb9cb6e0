// The packed package, as people get it: installed in an empty project, typed, bundled, and its README run.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { build as esbuild } from 'esbuild'
import { build as vite } from 'vite'

import { noServer, Server } from './server.mjs'

const JS = join(dirname(fileURLToPath(import.meta.url)), '..')
const run = async (program, args, options) => {
  try {
    return await promisify(execFile)(program, args, { maxBuffer: 1 << 26, ...options })
  } catch (error) {
    assert.fail(`${program} ${args.join(' ')}: ${error.stdout}${error.stderr}`)
  }
}
const node = (...args) => run(process.execPath, args, { cwd: project })
const { exports: entries } = JSON.parse(await readFile(join(JS, 'package.json'), 'utf8'))
const NAMES = Object.keys(entries).filter((name) => name !== './package.json').map((name) => name.replace('.', 'countersign'))

let folder, project, tarball, server
before(async () => {
  await mkdir(join(JS, 'node_modules', '.cache'), { recursive: true })
  // Below node_modules, where the frameworks of peers are found.
  folder = await mkdtemp(join(JS, 'node_modules', '.cache', 'countersign-pack-'))
  project = join(folder, 'project')
  await mkdir(project)
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: JS })
  const [{ filename, files }] = [JSON.parse(stdout)].flat().flatMap((packed) => (packed.filename ? [packed] : Object.values(packed)))
  tarball = { path: join(folder, filename), files: files.map(({ path }) => path) }
  await writeFile(join(project, 'package.json'), '{"type":"module","private":true}')
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--omit=peer', tarball.path], { cwd: project })
  if (!noServer) server = await Server.start()
})
after(async () => {
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

describe('the packed package', () => {
  it('holds what it needs and nothing else', () => {
    for (const name of ['package.json', 'README.md', 'LICENSE', 'dist/wasm/guard_bg.wasm', 'dist/wasm/gate_bg.wasm', 'dist/wasm/pdp_bg.wasm', 'dist/browser/index.js', 'dist/cli/main.js']) {
      assert.ok(tarball.files.includes(name), name)
    }
    assert.deepEqual(tarball.files.filter((name) => !/^(dist\/|package\.json$|README\.md$|LICENSE$|docs\/)/.test(name)), [])
  })

  it('has no dependency of its own', async () => {
    const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(await readFile(join(project, 'node_modules/countersign/package.json'), 'utf8'))
    assert.equal(dependencies, undefined)
    for (const name of Object.keys(peerDependencies)) assert.equal(peerDependenciesMeta[name].optional, true, name)
  })

  for (const name of NAMES) {
    it(`has no effect when ${name} is imported`, async () => {
      await writeFile(join(project, 'effect.mjs'), `
        const count = { wasm: 0, timers: 0, fetches: 0 }
        for (const name of ['Module', 'Instance']) WebAssembly[name] = new Proxy(WebAssembly[name], { construct: (...args) => (count.wasm += 1, Reflect.construct(...args)) })
        globalThis.fetch = () => (count.fetches += 1, Promise.reject(new Error('no')))
        const names = Object.getOwnPropertyNames(globalThis).sort().join()
        await import('${name}')
        if (Object.getOwnPropertyNames(globalThis).sort().join() !== names) throw new Error('a global was added')
        console.log(JSON.stringify({ ...count, timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length }))
      `)
      assert.deepEqual(JSON.parse((await node('effect.mjs')).stdout), { wasm: 0, timers: 0, fetches: 0 })
    })
  }

  it('loads the module for umaFetch only at the first challenge', async () => {
    await writeFile(join(project, 'lazy.mjs'), `
      import { createUmaFetch } from 'countersign/client'
      let compiled = 0
      WebAssembly.Module = new Proxy(WebAssembly.Module, { construct: (...args) => (compiled += 1, Reflect.construct(...args)) })
      const answers = [new Response('ok'), new Response('', { status: 401, headers: { 'www-authenticate': 'Bearer' } }), new Response('', { status: 401, headers: { 'www-authenticate': 'UMA as_uri="https://x.example",ticket="t"' } })]
      const umaFetch = createUmaFetch({ authorizationServers: [{ issuer: 'https://as.example', origins: ['https://a.example'], token: () => 'x' }], fetch: async () => answers.shift() })
      const seen = []
      for (let n = 0; n < 3; n += 1) { await umaFetch('https://a.example').catch(() => {}); seen.push(compiled) }
      console.log(JSON.stringify(seen))
    `)
    assert.deepEqual(JSON.parse((await node('lazy.mjs')).stdout), [0, 0, 1])
  })

  it('can be required', async () => {
    await writeFile(join(project, 'required.cjs'), `import('countersign').then(({ createGuard }) => console.log(typeof createGuard))`)
    assert.equal((await node('required.cjs')).stdout, 'function\n')
  })

  it('has a program', async () => {
    const { stdout } = await run('npx', ['--offline', 'countersign', '--help'], { cwd: project })
    assert.match(stdout, /^Usage: countersign explain/)
  })

  it('is in order for publint and Are The Types Wrong', async () => {
    await run(join(JS, 'node_modules/.bin/publint'), ['run', '--strict', '--pack', 'false', join(project, 'node_modules/countersign')], { cwd: JS })
    // ESM from CommonJS is what `require` of ESM, or `import()`, is for.
    await run(join(JS, 'node_modules/.bin/attw'), [tarball.path, '--ignore-rules', 'cjs-resolves-to-esm'], { cwd: JS })
  })
})

describe('types', () => {
  const source = `
import { allowInsecureRequests, challenge, createGuard, DENIAL_CODES, type Answer, type DenialCode, type GuardState } from 'countersign'
import { createUmaFetch, RequestSubmittedError, UmaError } from 'countersign/client'
import { createProtection, ServerError } from 'countersign/protection'
import * as express from 'countersign/express'
import * as fastify from 'countersign/fastify'
import * as hono from 'countersign/hono'
import * as node from 'countersign/node'
import * as worker from 'countersign/worker'
import { explainToken } from 'countersign/browser'
import { createPdp, createShares, loadAssess, type Share } from 'countersign/pdp'

export async function full(token: string, rows: readonly Share[]): Promise<boolean> {
  const pdp = await createPdp({ issuer: 'https://as.example', audience: 'documents', keys: { keys: [] } })
  // @ts-expect-error It asks nobody.
  pdp.check({ token, resource: '42', fresh: true })
  const assessment = (await loadAssess())({ now: 0, server: { id: 'rs' }, requester: { id: 'bob', client: 'app' }, facts: { scopes: [] } })
  const shared = (await createShares(rows)).of({ id: 'bob', client: 'app' }).permits('42', 'read')
  const { verified } = await explainToken(token)
  return pdp.check({ token, resource: '42' }).permitted && shared && verified && assessment.outcome === 'granted'
}
export async function check(token: string | undefined, state: GuardState | undefined): Promise<string> {
  const guard = await createGuard({ issuer: 'https://as.example', audience: 'documents', state, [allowInsecureRequests]: false })
  const answer: Answer = await guard.check({ token, resource: '42', scopes: ['read'] })
  const code: DenialCode | undefined = answer.permitted ? undefined : answer.code
  // @ts-expect-error A refusal has no permission.
  answer.permission
  // @ts-expect-error Nothing but a request is checked.
  await guard.check('token')
  // @ts-expect-error An issuer is needed.
  await createGuard({ audience: 'documents' })
  return code ?? (DENIAL_CODES.length > 0 ? challenge({ realm: 'r', as_uri: 'a', ticket: 't' }) : '')
}
export async function client(): Promise<unknown> {
  // @ts-expect-error Origins are needed.
  createUmaFetch({ authorizationServers: [{ issuer: 'https://as.example', token: () => 'x' }] })
  const umaFetch = createUmaFetch({ authorizationServers: [{ issuer: 'https://as.example', origins: ['https://a.example'], token: () => 'x' }] })
  try {
    return (await umaFetch('https://a.example', { waitForOwner: true })).status
  } catch (error) {
    if (error instanceof RequestSubmittedError) await error.submission.wait({ signal: AbortSignal.timeout(1) })
    return error instanceof UmaError ? error.code : undefined
  }
}
export async function protection(): Promise<string[]> {
  const protection = createProtection({ issuer: 'https://as.example', clientId: 'a', clientSecret: 'b' })
  const names: string[] = []
  for await (const { name, scopes } of protection.list({ type: 'x' })) names.push(name, ...scopes)
  for await (const { granted } of protection.tickets.list()) if (granted) names.push('granted')
  // @ts-expect-error A resource has a name.
  await protection.register({ owner: 'alice' }).catch((error: ServerError) => error.status)
  return names
}
export async function adapters(options: node.UmaOptions): Promise<unknown[]> {
  const rule = { scopes: ['read'], resource: () => undefined }
  return [
    (await express.createUma(options)).protect({ resource: (request) => request.params['id']?.toString() }),
    (await fastify.createUma(options)).protect({ resource: (request) => request.params['id'] }),
    (await hono.createUma(options)).protect({ resource: (c) => c.req.param('id') }),
    (await node.createUma(options)).protect(rule, (request, response) => response.end(request.uma.permission?.rsid)),
    (await worker.createUma(options)).protect(rule, (_, access, env: { A: string }) => new Response(access.rpt?.sub ?? env.A)),
  ]
}
`
  const MODES = {
    'node16, ESM': ['main.mts', { module: 'node16', moduleResolution: 'node16' }],
    'nodenext, ESM': ['main.mts', { module: 'nodenext', moduleResolution: 'nodenext' }],
    'bundler': ['main.ts', { module: 'esnext', moduleResolution: 'bundler' }],
    'node10': ['main.ts', { module: 'esnext', moduleResolution: 'node10', ignoreDeprecations: '6.0' }],
  }
  for (const [name, [file, options]] of Object.entries(MODES)) {
    it(`resolve and hold under ${name}`, async () => {
      await writeFile(join(project, file), source)
      const config = join(project, `tsconfig.${name.replaceAll(/\W+/g, '-')}.json`)
      const compilerOptions = { strict: true, noEmit: true, target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'], types: ['node'], skipLibCheck: true, exactOptionalPropertyTypes: true, noPropertyAccessFromIndexSignature: true, ...options }
      await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }))
      await node(join(JS, 'node_modules/typescript/bin/tsc'), '-p', config)
    })
  }

  it('are no mistake from CommonJS with an import of their mode', async () => {
    await writeFile(join(project, 'main.cts'), `export const load = async () => (await import('countersign')).createGuard\n`)
    const compilerOptions = { strict: true, noEmit: true, target: 'es2022', lib: ['es2023', 'dom'], types: ['node'], skipLibCheck: true, module: 'node16' }
    await writeFile(join(project, 'tsconfig.cjs.json'), JSON.stringify({ compilerOptions, files: ['main.cts'] }))
    await node(join(JS, 'node_modules/typescript/bin/tsc'), '-p', join(project, 'tsconfig.cjs.json'))
  })
})

describe('bundles', () => {
  const bundled = {
    async esbuild(code) {
      const { outputFiles } = await esbuild({
        stdin: { contents: code, resolveDir: project }, bundle: true, write: false, format: 'esm', platform: 'browser', minify: true, logLevel: 'silent',
        splitting: true, outdir: join(folder, 'esbuild'), loader: { '.wasm': 'file' },
      })
      return { all: outputFiles.map(({ text }) => text).join('\n'), main: outputFiles.find(({ path }) => path.endsWith('stdin.js')).text, files: outputFiles.map(({ path }) => path) }
    },
    async vite(code) {
      await writeFile(join(project, 'entry.js'), code)
      const { output } = [
        await vite({
          root: project, logLevel: 'silent', configFile: false,
          build: { write: false, minify: true, modulePreload: false, rollupOptions: { input: join(project, 'entry.js'), preserveEntrySignatures: 'strict' } },
        }),
      ].flat()[0]
      const texts = output.map((file) => file.code ?? '')
      return { all: texts.join('\n'), main: output.find(({ isEntry }) => isEntry).code, files: output.map(({ fileName }) => fileName) }
    },
  }
  for (const [name, bundle] of Object.entries(bundled)) {
    it(`of ${name} hold nothing of what is imported and not used`, async () => {
      for (const entry of NAMES.filter((entry) => !/node|express|fastify/.test(entry))) {
        const { main } = await bundle(`import '${entry}'\nimport * as unused from '${entry}'`)
        assert.ok(main.length < 200, `${entry}: ${main.length} bytes: ${main.slice(0, 300)}`)
      }
    })

    it(`of ${name} hold only the part that is used, and load the module when it is needed`, async () => {
      const { main, all } = await bundle(`export { createUmaFetch } from 'countersign/client'`)
      assert.match(all, /uma-ticket/)
      assert.doesNotMatch(all, /resource_registration_endpoint|EnforcerModule\(|node:crypto|node:fs/)
      assert.doesNotMatch(main, /__wbindgen/, 'the glue of the module is another chunk')
      assert.ok(main.length < 20_000, `${main.length} bytes`)
    })
  }

  it('of vite have the module beside them', async () => {
    const { files } = await bundled.vite(`export { createGuard } from 'countersign'`)
    assert.ok(files.some((name) => /guard_bg-.*\.wasm$/.test(name)), files.join())
  })
})

describe('the README', { skip: noServer }, () => {
  it('has snippets that run', async () => {
    const text = await readFile(join(JS, 'README.md'), 'utf8')
    const snippets = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code)
    assert.ok(snippets.length >= 4)
    await writeFile(join(project, 'around.mjs'), `
      import { createServer } from 'node:http'
      import { createProtection } from 'countersign/protection'
      import Fastify from 'fastify'
      const [issuer, accessToken] = JSON.parse(process.env.AROUND)
      const clientSecret = 'documents-secret'
      const protection = createProtection({ issuer, clientId: 'documents', clientSecret })
      const id = await protection.ensure({ name: 'of the README', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read', 'write'] })
      const files = createServer((request, response) => response.end('file'))
      await new Promise((resolve) => files.listen(0, '127.0.0.1', resolve))
      files.unref()
      Object.assign(globalThis, {
        issuer, clientSecret, token: accessToken, session: { accessToken }, documents: new Map([['42', { resourceId: id }]]), server: Fastify(),
        filesOrigin: 'http://127.0.0.1:' + files.address().port,
      })
    `)
    const token = await server.token('bob')
    for (const [at, code] of snippets.entries()) {
      const local = code
        .replaceAll(`'https://as.example/realms/demo'`, 'issuer')
        .replaceAll(/'https:\/\/files\.example([^']*)'/g, (_, path) => `filesOrigin + '${path}'`)
      assert.doesNotMatch(local, /https?:\/\//, 'nobody else is asked')
      // The globals are there before the snippet's own imports have run.
      await writeFile(join(project, `snippet-${at}.mjs`), `import './around.mjs'\n${local}\nsetImmediate(() => process.exit(0))\n`)
      await run(process.execPath, [`snippet-${at}.mjs`], { cwd: project, env: { ...process.env, AROUND: JSON.stringify([server.issuer, token]) } })
    }
  })
})
