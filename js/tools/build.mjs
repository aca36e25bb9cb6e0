// Puts the module that `cargo xtask wasm` has built into dist/, and compiles the TypeScript around it.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const js = dirname(dirname(fileURLToPath(import.meta.url)))
const target = process.env.CARGO_TARGET_DIR ?? join(js, '..', 'target')
const wasm = resolve(target, 'wasm', 'guard')
const dist = join(js, 'dist')

if (!existsSync(join(wasm, 'guard_bg.wasm'))) {
  console.error(`${wasm} has no guard_bg.wasm: run \`cargo xtask wasm\` first`)
  process.exit(1)
}
rmSync(dist, { recursive: true, force: true })
mkdirSync(join(dist, 'wasm'), { recursive: true })
for (const file of ['guard.js', 'guard.d.ts', 'guard_bg.wasm', 'guard_bg.wasm.d.ts']) {
  if (existsSync(join(wasm, file))) cpSync(join(wasm, file), join(dist, 'wasm', file))
}
try {
  execFileSync(process.execPath, [join(js, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', js], { stdio: 'inherit' })
} catch {
  process.exit(1)
}
