// Withdrawals by the issuer's stream of changes: heard at once, and never missed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { deflateSync } from 'node:zlib'

import { createGuard } from 'countersign'
import { createProtection } from 'countersign/protection'

import { Issuer } from './issuer.mjs'
import { noServer, Server } from './server.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const READ = { resource: '42', scopes: ['read'] }
const LIST = '/status-list'
const STREAM = '/status-changes'

const closers = []
after(async () => {
  for (const close of closers.reverse()) await close()
})

/** Asks again until it is so; the test fails where it never is. */
async function until(what, isSo) {
  for (let left = 2_000; left > 0; left -= 1) {
    const value = await isSo()
    if (value) return value
    await pause(5)
  }
  assert.fail(`never: ${what}`)
}

/** An issuer with a list, and a stream that a test writes */
async function start(options = {}) {
  const issuer = await Issuer.start()
  const list = new Uint8Array(64)
  const open = []
  const world = {
    issuer, open, seq: 0, known: [],
    token: (idx) => issuer.token({ status: { status_list: { idx, uri: `${issuer.url}${LIST}` } }, exp: issuer.now + 10_000 }),
    /** Marks it in the list, and says so in the stream unless it is to be missed */
    mark(idx, status, isHeard = true) {
      list[idx >> 2] |= status << (2 * (idx & 3))
      world.seq += 1
      if (isHeard) world.send({ seq: world.seq, changes: [[idx, status]] })
    },
    send: (message) => open.at(-1)?.write(`id: ${message.seq}\ndata: ${JSON.stringify(message)}\n\n`),
    list: () => {
      const claims = {
        iss: issuer.url, sub: `${issuer.url}${LIST}`, iat: Math.floor(issuer.now), exp: Math.floor(issuer.now) + 3_600, ttl: 5, seq: world.seq,
        status_list: { bits: 2, lst: deflateSync(list).toString('base64url') },
      }
      return [200, issuer.sign(claims, { typ: 'statuslist+jwt' }), {}]
    },
    stream: (request) => (response) => {
      world.known.push(request.headers['last-event-id'])
      response.on('close', () => open.splice(open.indexOf(response), 1))
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      open.push(response)
      world.send({ seq: world.seq })
    },
    code: async (token) => {
      const answer = await world.guard.check({ token, ...READ })
      return answer.permitted ? 'permitted' : answer.code
    },
    now: (token) => {
      const answer = world.guard.checkSync({ token, ...READ })
      return answer === undefined ? undefined : answer.permitted ? 'permitted' : answer.code
    },
  }
  issuer.routes.set(LIST, (...given) => world.list(...given))
  issuer.routes.set(STREAM, (...given) => world.stream(...given))
  const more = { status_list_uri: `${issuer.url}${LIST}`, status_stream_uri: `${issuer.url}${STREAM}` }
  issuer.routes.set('/.well-known/uma2-configuration', () => [200, { ...issuer.metadata, ...more }])
  world.guard = await createGuard({ ...issuer.guardOptions, timeout: 1_000, ...options })
  closers.push(() => issuer.stop(), () => world.guard.close())
  return world
}

/** One that follows, with a token that has passed */
async function following(options) {
  const world = await start(options)
  const tokens = [world.token(7), world.token(8)]
  for (const token of tokens) assert.equal(await world.code(token), 'permitted')
  await until('a stream', () => world.open.length === 1)
  return { ...world, world, tokens }
}

describe('withdrawals by stream, which is the default here', () => {
  it('are heard without a question, and the other tokens stay', async () => {
    const { world, issuer, tokens: [one, other], now } = await following()
    const asked = issuer.count(LIST)
    world.mark(7, 1)
    await until('the withdrawal', () => now(one) === 'withdrawn')
    assert.equal(now(other), 'permitted')
    assert.equal(issuer.count(LIST), asked)
  })

  it('that come by the stream while an older list is on its way make nobody wait for long', async () => {
    const world = await start()
    const fresh = world.list
    world.list = async () => {
      const old = fresh()
      world.list = fresh
      await until('a stream', () => world.open.length === 1)
      world.mark(9, 1)
      // The change goes before the list.
      await pause(50)
      return old
    }
    assert.equal(await world.code(world.token(7)), 'permitted')
    assert.equal(await world.code(world.token(9)), 'withdrawn')
    assert.equal(world.issuer.count(LIST), 2)
  })

  it('keep a list current for as long as the stream speaks', async () => {
    const { world, issuer, tokens: [one], now, guard } = await following()
    const asked = issuer.count(LIST)
    for (let beats = 0; beats < 10; beats += 1) {
      issuer.now += 5
      world.send({ seq: world.seq })
      await until('the heartbeat', () => now(one) === 'permitted')
    }
    assert.equal(issuer.count(LIST), asked, 'fifty seconds without a fetch')
    issuer.now += 16
    assert.equal(guard.checkSync({ token: one, ...READ }), undefined, 'silence is no news')
  })

  it('are caught up with by number after the guard was cut off', async () => {
    const { world, tokens: [one, other], now, open } = await following()
    world.mark(9, 1)
    await until('the first change', async () => (await world.code(world.token(9))) === 'withdrawn')
    // The server keeps what happens while nobody listens, and sends it after the number that the guard names.
    world.stream = (request) => (response) => {
      world.known.push(request.headers['last-event-id'])
      open.push(response.writeHead(200, { 'content-type': 'text/event-stream' }))
      response.write('data: {"seq":2,"changes":[[7,1]]}\n\ndata: {"seq":3,"changes":[[10,3]]}\n\n')
    }
    open[0].destroy()
    await until('the missed change', () => {
      world.issuer.now += 0.1
      return now(one) === 'withdrawn'
    })
    assert.equal(world.known.at(-1), '1')
    assert.equal(now(other), 'permitted')
  })

  it('are loaded with the list where the stream shows a gap', async () => {
    const { world, issuer, tokens: [one], now } = await following()
    const asked = issuer.count(LIST)
    world.mark(7, 1, false)
    world.mark(11, 1, false)
    world.send({ seq: world.seq })
    await until('the withdrawal', async () => (await world.code(one)) === 'withdrawn')
    assert.ok(issuer.count(LIST) > asked)
    assert.equal(now(one), 'withdrawn')
  })

  it('deny nothing less while messages cannot be read', async () => {
    for (const message of ['{', '[]', '{"seq":-1}', '{"seq":1,"changes":[[1]]}', '{"seq":1e99}', 'x'.repeat(300_000)]) {
      const { world, tokens: [one, other], open } = await following()
      world.mark(7, 1, false)
      open.at(-1).write(`data: ${message}\n\n`)
      await until(`the withdrawal after ${message.slice(0, 20)}`, async () => {
        world.issuer.now += 1
        return (await world.code(one)) === 'withdrawn'
      })
      assert.equal(await world.code(other), 'permitted')
    }
  })

  it('fall back to the list where there is no stream to be had', async () => {
    for (const stream of [
      () => [404, ''], () => [500, ''], () => [200, '<html>', { 'content-type': 'text/html' }], () => () => {},
      () => [302, '', { location: '/elsewhere' }], () => (response) => response.destroy(),
    ]) {
      const world = await start()
      world.stream = stream
      const [one, other] = [world.token(7), world.token(8)]
      assert.deepEqual([await world.code(one), await world.code(other)], ['permitted', 'permitted'])
      world.mark(7, 1)
      world.issuer.now += 6
      assert.deepEqual([await world.code(one), await world.code(other)], ['withdrawn', 'permitted'])
      assert.equal(world.issuer.count('/elsewhere'), 0)
    }
  })

  it('are read however the stream is cut into pieces', async () => {
    const { world, tokens: [one, other], now, open } = await following()
    const text = ': a comment\r\nevent: change\r\nid: 1\r\ndata: {"seq":1,\r\ndata:"changes":[[7,1]]}\r\n\r\n\rdata: {"seq":2}\r\r'
    for (const byte of Buffer.from(text)) {
      open.at(-1).write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    world.seq = 2
    await until('the withdrawal', () => now(one) === 'withdrawn')
    await until('the other, once the list is there', async () => (await world.code(other)) === 'permitted')
  })

  it('open another stream where one falls silent, and end with `close`', async () => {
    const { world, tokens: [one], open, guard, issuer } = await following()
    const first = open.at(-1)
    issuer.now += 20
    await until('another stream', () => {
      issuer.now += 0.1
      return open.length === 1 && open[0] !== first
    })
    guard.close()
    await until('no stream', () => open.length === 0)
    const asked = issuer.count(STREAM)
    world.mark(7, 1)
    issuer.now += 20
    assert.equal(await world.code(one), 'withdrawn', 'by the list')
    assert.equal(issuer.count(STREAM), asked)
  })

  it('go by the guard’s own `fetch` where it has one', async () => {
    const seen = []
    const { world, tokens: [one], now } = await following({ fetch: (url, init) => (seen.push(url), fetch(url, init)) })
    world.mark(7, 1)
    await until('the withdrawal', () => now(one) === 'withdrawn')
    assert.ok(seen.some((url) => url.endsWith(STREAM)))
  })

  it('survive a clock that is set back by an hour', async () => {
    const { world, tokens: [one, other], issuer } = await following()
    issuer.now -= 3_600
    issuer.keys.at(0)
    world.mark(7, 1)
    await until('the withdrawal', async () => (await world.code(one)) === 'withdrawn')
    assert.ok(['not_yet_valid', 'permitted', 'status_unavailable'].includes(await world.code(other)))
  })

  for (const [name, bin, args] of [['Node', process.execPath, []], ['Deno', 'deno', ['run', '-A']], ['Bun', 'bun', ['run']]]) {
    it(`do not keep a process of ${name} alive`, async (t) => {
      const program = bin === process.execPath ? bin : join(HERE, '..', 'node_modules', '.bin', bin)
      if (!existsSync(program)) return t.skip(`\`${bin}\` does not run here`)
      const world = await start()
      const given = JSON.stringify({ issuer: world.issuer.url, now: world.issuer.now, token: world.token(7) })
      const child = spawn(program, [...args, join(HERE, 'runtimes', 'stream.mjs'), given], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 })
      const lines = []
      child.stdout.setEncoding('utf8').on('data', (text) => {
        // Once the token has passed, it is taken back.
        if (lines.length === 0) until('a stream', () => world.open.length === 1).then(() => world.mark(7, 1))
        lines.push(...text.trim().split('\n'))
      })
      await once(child, 'close')
      assert.deepEqual(lines, ['true', 'withdrawn'])
    })
  }
})

describe('withdrawals at the real server', { skip: noServer }, () => {
  it('reach a guard by its stream, and one that was cut off', async () => {
    const server = await Server.start()
    closers.push(() => server.stop())
    const protection = createProtection(server.credentials)
    const id = await protection.ensure({ name: 'document 42', owner: 'alice', ownerManagedAccess: true, resource_scopes: ['read'] })
    const guard = await createGuard({ issuer: server.issuer, audience: 'documents' })
    closers.push(() => guard.close())
    for (let round = 0; round < 2; round += 1) {
      const share = await protection.tickets.create({ resource: id, scopeName: 'read', requesterName: 'bob', granted: true })
      const form = { grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket', audience: 'documents', permission: `${id}#read` }
      const answer = await fetch(`${server.issuer}/protocol/openid-connect/token`, {
        method: 'POST', headers: { authorization: `Bearer ${await server.token('bob')}` }, body: new URLSearchParams(form),
      })
      const request = { token: (await answer.json()).access_token, resource: id, scopes: ['read'] }
      assert.equal((await guard.check(request)).permitted, true)
      await protection.tickets.remove(share.id)
      await until('the withdrawal', () => guard.checkSync(request)?.code === 'withdrawn')
    }
  })
})
