// Every test that docs/conformance.md names is there.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { it } from 'node:test'

it('the table names tests that are there', async () => {
  const page = await readFile(new URL('../docs/conformance.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/\| `(\w+)`: (.+) \|$/gm)]
  assert.equal(rows.length, page.match(/^\| (?!Duty|Case|-)/gm).length, 'each row has a test')
  for (const [, file, name] of rows) {
    const source = await readFile(new URL(`${file}.test.mjs`, import.meta.url), 'utf8')
    // A name may go on with what a loop puts into it.
    const isThere = ['it(`', "it('", 'it("'].some((begin) => source.includes(`${begin}${name}`))
    assert.ok(isThere, `${file}: ${name}`)
  }
})
