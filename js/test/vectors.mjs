// The vectors that all engines share, through the built package in this Node, each a test of its own; `runtimes.test.mjs` has
// the same in the other runtimes.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { check, KINDS } from './runtimes/vectors.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'tests', 'vectors')
/** Kinds of other engines; a kind that is nowhere listed is an error. */
const OTHERS = new Set(['dialect'])

for (const file of readdirSync(root, { recursive: true }).filter((name) => name.endsWith('.json')).sort()) {
  const content = JSON.parse(readFileSync(join(root, file), 'utf8'))
  const cases = (Array.isArray(content) ? content : [content]).filter(({ kind }) => !OTHERS.has(kind))
  if (cases.length === 0) continue
  describe(relative(root, join(root, file)), () => {
    for (const vector of cases) {
      it(`${vector.note} (${vector.spec})`, () => {
        assert.ok(KINDS.includes(vector.kind), `no engine serves the kind ${vector.kind}`)
        return check(vector)
      })
    }
  })
}
