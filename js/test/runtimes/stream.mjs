// For runtimes with `node:` modules: follows withdrawals until one is heard, and then has nothing more to do. The token and
// where it is from come as an argument, which is no secret of anybody here.
import process from 'node:process'

import { createGuard } from '../../dist/index.js'

const { issuer, now, token } = JSON.parse(process.argv[2])
const guard = await createGuard({ issuer, audience: 'documents', clock: () => now * 1_000 })
const request = { token, resource: '42', scopes: ['read'] }
const { permitted, code, message } = await guard.check(request)
if (!permitted) throw new Error(`${code}: ${message}`)
console.log(permitted)
while (guard.checkSync(request)?.permitted) await new Promise((resolve) => setTimeout(resolve, 5))
console.log(guard.checkSync(request)?.code)
