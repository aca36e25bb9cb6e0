#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { explain, type ExplainOptions } from './explain.js'

const USAGE = `Usage: countersign explain [options] < token

Says what a requesting party token permits. It asks nobody: without --jwks nothing is verified. The token comes by
standard input, because arguments are seen by others and kept in histories.

  --jwks FILE        keys of the issuer, to verify the signature with
  --issuer URL       who has to have issued it (default: as the token says)
  --audience ID      whom it has to be for (default: as the token says)
  --resource ID      whether it permits this; with --scope NAME, as often as needed
  --json             for programs
  -h, --help

Ends with 0 if the token is good as far as was asked, 1 if not, 2 if it was asked wrongly.
`

const LIMIT = 1024 * 1024

async function input(): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LIMIT) throw new UsageError('standard input is too long for a token')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8').trim().replace(/^Bearer +/i, '')
}

class UsageError extends Error {}

function options(): ExplainOptions | 'help' {
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        jwks: { type: 'string' }, issuer: { type: 'string' }, audience: { type: 'string' }, resource: { type: 'string' },
        scope: { type: 'string', multiple: true }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
      },
    })
  } catch {
    // Without what was typed: it may be a token.
    throw new UsageError('an option is not known')
  }
  const { values, positionals } = parsed
  if (values.help === true || positionals[0] === 'help') return 'help'
  if (positionals[0] !== 'explain') throw new UsageError('the command is `explain`')
  if (positionals.length > 1) throw new UsageError('the token comes by standard input, never as an argument')
  if (values.scope !== undefined && values.resource === undefined) throw new UsageError('--scope needs --resource')
  let jwks: string | undefined
  try {
    if (values.jwks !== undefined) jwks = readFileSync(values.jwks, 'utf8')
  } catch {
    throw new UsageError('the file of --jwks cannot be read')
  }
  const { issuer, audience, resource, scope: scopes, json = false } = values
  return { jwks, issuer, audience, resource, scopes, json }
}

try {
  const wanted = options()
  if (wanted === 'help') {
    process.stdout.write(USAGE)
  } else {
    const { text, isGood } = await explain(await input(), wanted, Math.floor(Date.now() / 1_000))
    process.stdout.write(text)
    process.exitCode = isGood ? 0 : 1
  }
} catch (error) {
  process.stderr.write(`countersign: ${error instanceof UsageError ? `${error.message}\n\n${USAGE}` : `${(error as Error).message}\n`}`)
  process.exitCode = 2
}
