// Puts the modules that `cargo xtask wasm` has built into dist/, and compiles the TypeScript around them.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const js = dirname(dirname(fileURLToPath(import.meta.url)))
const target = process.env.CARGO_TARGET_DIR ?? join(js, '..', 'target')
const dist = join(js, 'dist')

rmSync(dist, { recursive: true, force: true })
mkdirSync(join(dist, 'wasm'), { recursive: true })
for (const name of ['guard', 'gate', 'pdp']) {
  const wasm = resolve(target, 'wasm', name)
  if (!existsSync(join(wasm, `${name}_bg.wasm`))) {
    console.error(`${wasm} has no ${name}_bg.wasm: run \`cargo xtask wasm\` first`)
    process.exit(1)
  }
  for (const file of [`${name}.js`, `${name}.d.ts`, `${name}_bg.wasm`]) cpSync(join(wasm, file), join(dist, 'wasm', file))
}
try {
  execFileSync(process.execPath, [join(js, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', js], { stdio: 'inherit' })
} catch {
  process.exit(1)
}

// For a page without a bundler: plain modules, whose imports are files beside them. One folder deep as `platform` is, so that
// the address of the decision module stays right.
const { build } = await import('esbuild')
await build({
  entryPoints: { index: join(dist, 'browser.js') }, outdir: join(dist, 'browser'), bundle: true, splitting: true, format: 'esm',
  platform: 'browser', target: 'es2022', conditions: ['browser'], chunkNames: 'part-[hash]', logLevel: 'warning',
})
rmSync(join(dist, 'browser.js'))
