// For runtimes with `node:` modules: vectors from a file, the outcome to standard output.
import { readFileSync } from 'node:fs'
import process from 'node:process'

import { run } from './vectors.mjs'

const outcome = await run(JSON.parse(readFileSync(process.argv[2], 'utf8')))
console.log(JSON.stringify(outcome))
