// From a withdrawal to the denial at guards that follow the stream, and at one that looks into the list; against the real
// server (COUNTERSIGN_BIN) with many live RPTs. Prints one JSON array of rows.
import { createGuard } from 'countersign'
import { createProtection } from 'countersign/protection'

import { realm, Server } from '../test/server.mjs'

const TOKENS = Number(process.env.TOKENS ?? 10_000)
const GUARDS = Number(process.env.GUARDS ?? 100)
const ROUNDS = Number(process.env.ROUNDS ?? 20)
const round = (value) => Math.round(value * 100) / 100
const p99 = (list) => list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.ceil(list.length * 0.99) - 1)]

const server = await Server.start(realm())
const rows = []
try {
  const protection = createProtection(server.credentials)
  const id = await protection.ensure({ name: 'document 42', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read'] })
  const other = await protection.ensure({ name: 'document 43', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read'] })
  const grant = (resource) => protection.tickets.create({ resource, scopeName: 'read', requesterName: 'bob', granted: true })
  let bearer = await server.token('bob')
  const rpt = async (resource) => {
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket', audience: 'documents', permission: `${resource}#read` }
    const answer = await fetch(`${server.issuer}/protocol/openid-connect/token`, { method: 'POST', headers: { authorization: `Bearer ${bearer}` }, body: new URLSearchParams(form) })
    return (await answer.json()).access_token
  }
  // Live tokens of a document that nobody touches: the list and the store are as large as they would be.
  await grant(other)
  for (let made = 0; made < TOKENS; made += 50) {
    if (made % 1_000 === 0) bearer = await server.token('bob')
    await Promise.all(Array.from({ length: Math.min(50, TOKENS - made) }, () => rpt(other)))
  }
  const guards = (count, withdrawals) => Promise.all(Array.from({ length: count }, () => createGuard({ issuer: server.issuer, audience: 'documents', withdrawals })))

  /** Milliseconds from the owner's call to the denial at each guard */
  async function measure(all, rounds) {
    const times = []
    for (let n = 0; n < rounds; n += 1) {
      bearer = await server.token('bob')
      const share = await grant(id)
      const request = { token: await rpt(id), resource: id, scopes: ['read'] }
      for (const guard of all) if (!(await guard.check(request)).permitted) throw new Error('not permitted')
      const left = new Set(all)
      const begin = performance.now()
      const withdrawn = protection.tickets.remove(share.id)
      while (left.size > 0) {
        for (const guard of left) {
          const answer = guard.checkSync(request) ?? (await guard.check(request))
          if (answer.permitted) continue
          times.push(performance.now() - begin)
          left.delete(guard)
        }
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await withdrawn
    }
    return times
  }
  const following = await guards(GUARDS, 'stream')
  rows.push({
    name: `Withdrawal to denial on the stream, guards: ${GUARDS}, live RPTs: ${TOKENS}: p99`, value: round(p99(await measure(following, ROUNDS))), unit: 'ms', budget: 1_000,
  })
  for (const guard of following) guard.close()
  const looking = await guards(1, 'list')
  rows.push({ name: `Withdrawal to denial by the list, live RPTs: ${TOKENS}: p99`, value: round(p99(await measure(looking, Math.ceil(ROUNDS / 5)))), unit: 'ms', budget: 6_000 })
} finally {
  await server.stop()
}
console.log(JSON.stringify(rows.map((row) => ({ ...row, higher_is_better: false })), null, 2))
