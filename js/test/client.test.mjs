import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, describe, it } from 'node:test'

import { createUmaFetch, NeedInfoError, RequestSubmittedError, UmaError } from 'countersign/client'

import { Issuer } from './issuer.mjs'

const TOKEN = '/protocol/openid-connect/token'
const stops = []
after(() => Promise.all(stops.map((stop) => stop())))

async function issuerOf() {
  const issuer = await Issuer.start()
  stops.push(() => issuer.stop())
  return issuer
}

/** A resource server whose documents want a token `rpt:<scopes>:<path>`; its tickets say for what they are */
class ResourceServer {
  requests = []
  serial = 0
  /** Takes the place of the answer without permission */
  refuse = ({ issuer, ticket }) => [401, { 'www-authenticate': `UMA realm="documents",as_uri="${issuer}",ticket="${ticket}"` }]
  #server = createServer((request, response) => this.#answer(request, response))

  static async start(issuer) {
    const server = new ResourceServer()
    server.issuer = issuer
    await once(server.#server.listen(0, '127.0.0.1'), 'listening')
    server.origin = `http://127.0.0.1:${server.#server.address().port}`
    stops.push(() => {
      server.#server.closeAllConnections()
      server.#server.close()
    })
    return server
  }

  async #answer(request, response) {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const { pathname } = new URL(request.url, this.origin)
    const body = Buffer.concat(chunks).toString()
    const { authorization } = request.headers
    this.requests.push({ method: request.method, url: request.url, authorization, body })
    if (this.elsewhere !== undefined) return response.writeHead(307, { location: this.elsewhere }).end()
    const scope = request.method === 'GET' ? 'read' : 'write'
    const [, scopes, path] = /^Bearer rpt_([a-z-]+)_([\w./]+)$/.exec(authorization ?? '') ?? []
    if (path === pathname.slice(1) && scopes.split('-').includes(scope)) {
      return response.writeHead(200, { 'content-type': 'text/plain' }).end(`${request.method} ${pathname} ${body}`)
    }
    const ticket = `${scope}:${pathname.slice(1)}:${(this.serial += 1)}`
    const [status, headers, text = ''] = this.refuse({ issuer: this.issuer.url, ticket, authorization })
    response.writeHead(status, headers).end(text)
  }
}

/** Issuer and resource server; the token endpoint grants what a ticket says, each ticket once. */
async function start(options = {}) {
  const issuer = await issuerOf()
  const server = await ResourceServer.start(issuer)
  const calls = []
  const spent = new Set()
  const grant = (form) => {
    const [scope, path] = form.ticket.split(':')
    if (spent.has(form.ticket)) return [400, { error: 'invalid_grant' }]
    spent.add(form.ticket)
    const [, old, of] = /^rpt_([a-z-]+)_([\w./]+)$/.exec(form.rpt ?? '') ?? []
    const upgraded = of === path
    const scopes = upgraded ? `${old}-${scope}` : scope
    return [200, { access_token: `rpt_${scopes}_${path}`, token_type: 'Bearer', expires_in: 300, upgraded }]
  }
  const handlers = []
  issuer.routes.set(TOKEN, (request, body) => {
    const form = Object.fromEntries(new URLSearchParams(body))
    calls.push({ ...form, authorization: request.headers.authorization })
    return (handlers.shift() ?? grant)(form)
  })
  const sleeps = []
  const umaFetch = createUmaFetch({
    authorizationServers: [{ issuer: issuer.url, origins: [server.origin], token: () => 'bobs-token' }],
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted()
      sleeps.push(milliseconds / 1_000)
    },
    clock: () => issuer.now * 1_000,
    ...options,
  })
  return { issuer, server, calls, handlers, grant, sleeps, umaFetch, url: (path) => `${server.origin}/${path}` }
}
const submitted = (ticket, interval) => () => [403, { error: 'request_submitted', ticket, ...(interval && { interval }) }]

describe('umaFetch', () => {
  it('exchanges the ticket, sends the request once more, and keeps the token', async () => {
    const { server, calls, umaFetch, url } = await start()
    const answer = await umaFetch(url('42'))
    assert.equal(await answer.text(), 'GET /42 ')
    assert.deepEqual(calls, [{
      grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket', ticket: 'read:42:1', authorization: 'Bearer bobs-token',
    }])
    assert.equal((await umaFetch(url('42?page=2'))).status, 200)
    assert.deepEqual(server.requests.map(({ authorization }) => authorization), [undefined, 'Bearer rpt_read_42', 'Bearer rpt_read_42'])
    assert.equal((await umaFetch(new Request(url('43')))).status, 200)
    assert.equal(calls.length, 2, 'another resource, another token')
  })

  it('upgrades the token of a resource rather than collecting', async () => {
    const { server, calls, umaFetch, url } = await start()
    await umaFetch(url('42'))
    const answer = await umaFetch(url('42'), { method: 'PUT', body: 'text' })
    assert.equal(await answer.text(), 'PUT /42 text')
    assert.equal(calls[1].rpt, 'rpt_read_42')
    await umaFetch(url('42'))
    assert.equal(calls.length, 2)
    assert.equal(server.requests.at(-1).authorization, 'Bearer rpt_read-write_42')
  })

  it('asks once for all who want the same resource', async () => {
    const { calls, umaFetch, url } = await start()
    const answers = await Promise.all(Array.from({ length: 30 }, () => umaFetch(url('42'))))
    assert.ok(answers.every(({ status }) => status === 200))
    assert.equal(calls.length, 1)
    const both = await Promise.all([umaFetch(url('7')), umaFetch(url('7'), { method: 'PUT' }), umaFetch(url('7'))])
    assert.deepEqual(both.map(({ status }) => status), [200, 200, 200])
    assert.equal(calls.length, 3, 'one for each scope')
  })

  it('drops a token that the old server does not know, and one that has expired', async () => {
    const { issuer, handlers, calls, umaFetch, url } = await start()
    await umaFetch(url('42'))
    handlers.push(() => [403, { error: 'invalid_rpt', error_description: 'RPT signature is invalid' }])
    assert.equal((await umaFetch(url('42'), { method: 'PUT' })).status, 200)
    assert.deepEqual(calls.map(({ rpt }) => rpt), [undefined, 'rpt_read_42', undefined])
    issuer.now += 296
    await umaFetch(url('42'), { method: 'PUT' })
    assert.equal(calls.at(-1).rpt, undefined)
  })

  it('sends once more and no oftener', async () => {
    const { server, calls, handlers, umaFetch, url } = await start()
    handlers.push(() => [200, { access_token: 'useless', expires_in: 300 }])
    const answer = await umaFetch(url('42'))
    assert.equal(answer.status, 401, 'the answer as it is')
    assert.equal(calls.length, 1)
    assert.equal(server.requests.length, 2)
  })

  it('returns every other answer as it is', async () => {
    const { server, calls, umaFetch, url } = await start()
    const answers = [
      [401, { 'www-authenticate': 'Bearer realm="x"' }], [401, {}], [403, { warning: '199 - "UMA Authorization Server Unreachable"' }],
      [401, { 'www-authenticate': 'UMA realm="documents"' }], [401, { 'www-authenticate': 'UMA as_uri="x' }], [500, {}], [404, {}],
      [200, { 'www-authenticate': 'UMA as_uri="https://evil.example",ticket="x"' }],
    ]
    for (const [status, headers] of answers) {
      server.refuse = () => [status, headers, 'body']
      const answer = await umaFetch(url('42'))
      assert.deepEqual([answer.status, await answer.text()], [status, 'body'])
    }
    assert.equal(calls.length, 0)
  })

  it('finds the challenge among others, in any order and spelling, also with 403', async () => {
    const { server, umaFetch, url } = await start()
    server.refuse = ({ issuer, ticket }) => [403, { 'www-authenticate': `Basic realm="UMA, or not", uMa  ticket="${ticket}" , as_uri="${issuer}", error=x` }]
    assert.equal((await umaFetch(url('42'))).status, 200)
  })

  it('forgets when somebody signs out', async () => {
    const { server, umaFetch, url } = await start()
    await umaFetch(url('42'))
    umaFetch.forget()
    await umaFetch(url('42'))
    assert.equal(server.requests.filter(({ authorization }) => authorization === undefined).length, 2)
  })

  it('authenticates a confidential client, with the token of whom it acts for', async () => {
    const issuer = await issuerOf()
    const server = await ResourceServer.start(issuer)
    let seen
    issuer.routes.set(TOKEN, (request, body) => {
      seen = [request.headers.authorization, Object.fromEntries(new URLSearchParams(body)).subject_token]
      return [200, { access_token: 'rpt_read_42', expires_in: 300 }]
    })
    const umaFetch = createUmaFetch({
      authorizationServers: [{ issuer: issuer.url, origins: [server.origin], clientId: 'app', clientSecret: 's', token: async () => 'bobs' }],
    })
    assert.equal((await umaFetch(`${server.origin}/42`)).status, 200)
    assert.deepEqual(seen, [`Basic ${btoa('app:s')}`, 'bobs'])
  })
})

describe('bodies', () => {
  for (const [name, body, text] of [
    ['text', 'a text', 'a text'], ['a form', new URLSearchParams({ a: '1' }), 'a=1'], ['bytes', new TextEncoder().encode('bytes'), 'bytes'],
    ['a blob', new Blob(['blob']), 'blob'],
  ]) {
    it(`of ${name} are sent again`, async () => {
      const { umaFetch, url } = await start()
      assert.equal(await (await umaFetch(url('42'), { method: 'PUT', body })).text(), `PUT /42 ${text}`)
    })
  }

  it('that are streams are sent once; the permission is there for the next', async () => {
    const { calls, umaFetch, url } = await start()
    const stream = () => ({ method: 'PUT', body: new Blob(['stream']).stream(), duplex: 'half' })
    await assert.rejects(umaFetch(url('42'), stream()), { name: 'UmaError', code: 'body_used' })
    assert.equal(await (await umaFetch(url('42'), stream())).text(), 'PUT /42 stream')
    assert.equal(calls.length, 1)
    await assert.rejects(umaFetch(new Request(url('44'), { method: 'PUT', body: 'x' })), { code: 'body_used' })
    assert.equal(await (await umaFetch(new Request(url('44'), { method: 'PUT', body: 'x' }))).text(), 'PUT /44 x')
  })
})

describe('a hostile resource server', () => {
  it('gets no token for an authorization server that is not configured', async () => {
    const { server, calls, umaFetch, url } = await start()
    const evil = await issuerOf()
    evil.routes.set(TOKEN, () => [200, { access_token: 'x' }])
    const { url: good } = server.issuer
    for (const as of [
      evil.url, `${good}/`, good.replace('demo', 'Demo'), good.replace('127.0.0.1', 'localhost'), `${good}/../demo`, `${good}#`, `${good}?x`,
      good.replace('://', '://user@'), `${good}.evil.example`, `${good}%2f`, good.toUpperCase(), '', 'x', `${good}\\u0000`, 'javascript:x',
    ]) {
      server.refuse = ({ ticket }) => [401, { 'www-authenticate': `UMA as_uri="${as}",ticket="${ticket}"` }]
      const outcome = await umaFetch(url('42')).then(({ status }) => status, (error) => error.code)
      assert.ok(outcome === 'untrusted_server' || outcome === 401, `${as}: ${outcome}`)
    }
    assert.equal(calls.length, 0)
    assert.deepEqual(evil.requests, [], 'nobody has spoken to it')
    assert.ok(server.requests.every(({ authorization }) => authorization === undefined))
  })

  it('gets no token for tickets of an authorization server that is configured for others', async () => {
    const { issuer, calls, umaFetch } = await start()
    const stranger = await ResourceServer.start(issuer)
    await assert.rejects(umaFetch(`${stranger.origin}/42`), { code: 'untrusted_server' })
    assert.equal(calls.length, 0)
    // The first of two challenges counts, and a second one saves nothing.
    stranger.refuse = ({ ticket }) => [401, { 'www-authenticate': `UMA as_uri="https://evil.example",ticket="x", UMA as_uri="${issuer.url}",ticket="${ticket}"` }]
    await assert.rejects(umaFetch(`${stranger.origin}/42`), { code: 'untrusted_server' })
    assert.equal(calls.length, 0)
  })

  it('is shown no token of another, whatever shares one', async () => {
    const { issuer, server, calls } = await start()
    const other = await ResourceServer.start(issuer)
    const umaFetch = createUmaFetch({
      authorizationServers: [{ issuer: issuer.url, origins: [server.origin, other.origin], token: () => 'bobs-token' }],
      resourceOf: () => 'one for all',
    })
    await umaFetch(`${server.origin}/42`)
    await umaFetch(`${other.origin}/43`)
    assert.equal(other.requests[0].authorization, undefined)
    assert.equal(calls.at(-1).rpt, undefined)
  })

  it('behind a redirect gets nothing and gives nothing', async () => {
    const { issuer, server, calls, umaFetch, url } = await start()
    const other = await ResourceServer.start(issuer)
    await umaFetch(url('42'))
    server.elsewhere = `${other.origin}/42`
    for (const path of ['moved', '42']) assert.equal((await umaFetch(url(path))).status, 401, 'its challenge is not answered')
    assert.equal(calls.length, 1)
    assert.deepEqual(other.requests.map(({ authorization }) => authorization), [undefined, undefined])
  })

  it('cannot make an authorization server of configuration speak of another', async () => {
    const { issuer, umaFetch, url } = await start()
    const evil = await issuerOf()
    issuer.routes.set('/.well-known/uma2-configuration', () => [200, { issuer: evil.url, token_endpoint: `${evil.url}${TOKEN}` }])
    await assert.rejects(umaFetch(url('42')), { code: 'unexpected_answer' })
    issuer.routes.set('/.well-known/uma2-configuration', () => [200, { issuer: issuer.url, token_endpoint: 'http://evil.example/token' }])
    assert.equal(evil.requests.length, 0)
  })

  it('gets no header injected by a token', async () => {
    const { handlers, server, umaFetch, url } = await start()
    for (const token of ['a b', 'a\r\nx: y', '', 42, null, 'a,b', 'é']) {
      handlers.push(() => [200, { access_token: token, token_type: 'Bearer' }])
      await assert.rejects(umaFetch(url('42')), { code: 'unexpected_answer' })
    }
    handlers.push(() => [200, { access_token: 'x', token_type: 'DPoP' }])
    await assert.rejects(umaFetch(url('42')), { code: 'unexpected_answer' })
    assert.ok(server.requests.every(({ authorization }) => authorization === undefined))
  })
})

describe('need_info', () => {
  const need = (more = {}) => () => [403, { error: 'need_info', ticket: 'read:42:next', required_claims: [{ name: 'age' }], ...more }]

  it('is answered with a claim token and the newest ticket', async () => {
    const asked = []
    const { handlers, calls, umaFetch, url } = await start({
      onNeedInfo: (info) => {
        asked.push(info)
        return { token: 'id-token', format: 'urn:example:id' }
      },
    })
    handlers.push(need())
    assert.equal((await umaFetch(url('42'))).status, 200)
    assert.deepEqual([calls[1].ticket, calls[1].claim_token, calls[1].claim_token_format], ['read:42:next', 'id-token', 'urn:example:id'])
    assert.ok(asked[0] instanceof NeedInfoError)
    assert.deepEqual(asked[0].requiredClaims, [{ name: 'age' }])
  })

  it('that nobody answers is an error with all that is needed to go on', async () => {
    const { issuer, handlers, umaFetch, url } = await start()
    const origin = new URL(issuer.url).origin
    handlers.push(need({ redirect_user: `${origin}/claims?x=1` }))
    await assert.rejects(umaFetch(url('42')), (error) => {
      assert.deepEqual([error.code, error.ticket, error.redirectUser], ['need_info', 'read:42:next', `${origin}/claims?x=1`])
      return true
    })
    for (const hostile of ['https://evil.example/', 'javascript:alert(1)', '//evil.example', `${origin}@evil.example/`, 'x', 42]) {
      handlers.push(need({ redirect_user: hostile }))
      await assert.rejects(umaFetch(url('42')), (error) => error.redirectUser === undefined)
    }
  })

  it('does not go on for ever', async () => {
    const { handlers, calls, umaFetch, url } = await start({ onNeedInfo: () => ({ token: 'x', format: 'y' }) })
    for (let round = 0; round < 20; round += 1) handlers.push(need())
    await assert.rejects(umaFetch(url('42')), { code: 'need_info' })
    assert.equal(calls.length, 5)
  })
})

describe('request_submitted', () => {
  it('is an event and an error to wait with', async () => {
    const events = []
    const { issuer, handlers, calls, sleeps, umaFetch, url } = await start({ onSubmitted: (submission) => events.push(submission) })
    handlers.push(submitted('read:42:b', 7))
    const error = await umaFetch(url('42?secret=1')).catch((reason) => reason)
    assert.ok(error instanceof RequestSubmittedError && error instanceof UmaError)
    const { submission } = error
    assert.equal(events[0], submission)
    assert.deepEqual([submission.resource, submission.issuer, submission.interval], [url('42'), issuer.url, 7])
    handlers.push(submitted('read:42:c', 3), submitted('read:42:d'), () => [429, {}, { 'retry-after': '11' }], () => [503, {}])
    await Promise.all([submission.wait(), submission.wait()])
    assert.deepEqual(calls.map(({ ticket }) => ticket), ['read:42:1', 'read:42:b', 'read:42:c', 'read:42:d', 'read:42:d', 'read:42:d'])
    assert.deepEqual(sleeps, [7, 3, 3, 11, 22], 'never sooner than it was told')
    assert.equal((await umaFetch(url('42'))).status, 200)
    assert.equal(calls.length, 6, 'with the token of the submission')
  })

  it('is waited for by who wants to', async () => {
    const { handlers, umaFetch, url } = await start()
    handlers.push(submitted('read:42:b', 1), submitted('read:42:c'))
    assert.equal((await umaFetch(url('42'), { waitForOwner: true })).status, 200)
  })

  it('goes on with another ticket where the first has ended', async () => {
    const { server, handlers, umaFetch, url } = await start()
    for (let round = 0; round < 12; round += 1) handlers.push(submitted('read:42:b', 1), () => [400, { error: 'invalid_grant' }])
    assert.equal((await umaFetch(url('42'), { waitForOwner: true })).status, 200)
    assert.equal(server.requests.length, 14)
  })

  it("of Keycloak's form keeps its ticket", async () => {
    const { handlers, calls, umaFetch, url } = await start()
    const keycloak = () => [403, { error: 'access_denied', error_description: 'request_submitted' }]
    handlers.push(keycloak, keycloak)
    assert.equal((await umaFetch(url('42'), { waitForOwner: true })).status, 200)
    assert.deepEqual(calls.map(({ ticket }) => ticket), ['read:42:1', 'read:42:1', 'read:42:1'])
  })

  it('ends with the signal', async () => {
    const abort = new AbortController()
    const { handlers, umaFetch, url } = await start({
      sleep: (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      onSubmitted: () => setImmediate(() => abort.abort(new Error('enough'))),
    })
    handlers.push(submitted('read:42:b'))
    await assert.rejects(umaFetch(url('42'), { waitForOwner: true, signal: abort.signal }), /enough/)
    handlers.push(submitted('read:43:b'))
    const { submission } = await umaFetch(url('43')).catch((error) => error)
    await assert.rejects(submission.wait({ signal: AbortSignal.abort(new Error('never')) }), /never/)
  })

  it('is waited for by others when one of them has had enough, and can be waited for again', async () => {
    let naps = []
    const { handlers, calls, umaFetch, url } = await start({
      sleep: (_, signal) => new Promise((resolve, reject) => {
        naps.push(resolve)
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
    })
    handlers.push(submitted('read:42:b'))
    const { submission } = await umaFetch(url('42')).catch((error) => error)
    const [first, second] = [new AbortController(), new AbortController()]
    const waits = [submission.wait({ signal: first.signal }), submission.wait({ signal: second.signal })]
    assert.equal(naps.length, 1, 'one asks for both')
    first.abort(new Error('the first'))
    await assert.rejects(waits[0], /the first/)
    second.abort(new Error('the second'))
    await assert.rejects(waits[1], /the second/)
    naps = []
    const again = submission.wait()
    naps[0]()
    await again
    assert.equal(calls.at(-1).ticket, 'read:42:b')
    assert.equal((await umaFetch(url('42'))).status, 200)
  })

  it('ends with the owner', async () => {
    const { handlers, umaFetch, url } = await start()
    handlers.push(submitted('read:42:b'), () => [403, { error: 'request_denied' }])
    await assert.rejects(umaFetch(url('42'), { waitForOwner: true }), { name: 'UmaError', code: 'request_denied' })
  })
})

describe('an authorization server', () => {
  it('that denies is an error, each in its own way', async () => {
    const { handlers, umaFetch, url } = await start()
    for (const [answer, want] of [
      [[403, { error: 'request_denied' }], { code: 'request_denied' }],
      [[403, { error: 'access_denied', error_description: 'not_authorized' }], { code: 'request_denied' }],
      [[400, { error: 'invalid_grant' }], { code: 'ticket_over' }],
      [[403, { error: 'invalid_ticket' }], { code: 'ticket_over' }],
      [[400, { error: 'invalid_grant', error_description: 'Invalid bearer token' }], { name: 'ServerError', status: 400 }],
      [[401, { error: 'invalid_client' }], { name: 'ServerError', error: 'invalid_client' }],
      [[500, 'no'], { name: 'ServerError', status: 500 }],
      [[200, '<html>'], { code: 'unexpected_answer' }],
      [[302, '', { location: '/' }], { code: 'server_unreachable' }],
    ]) {
      handlers.push(() => answer)
      await assert.rejects(umaFetch(url('42')), want, JSON.stringify(answer))
    }
  })

  it('that hangs is given up', async () => {
    const { handlers, umaFetch, url } = await start({ timeout: 100 })
    handlers.push(() => () => {})
    await assert.rejects(umaFetch(url('42')), { code: 'server_unreachable' })
  })
})

describe('options', () => {
  it('that are wrong are refused at once', () => {
    const good = { issuer: 'https://as.example', origins: ['https://files.example'], token: () => 'x' }
    const code = (more) => {
      try {
        createUmaFetch({ authorizationServers: [{ ...good, ...more }] })
      } catch (error) {
        return error.code
      }
    }
    assert.equal(code({}), undefined)
    assert.equal(code({ issuer: 'http://as.example' }), 'insecure_url')
    assert.equal(code({ origins: [] }), 'invalid_configuration')
    assert.equal(code({ origins: ['https://files.example/'] }), 'invalid_configuration')
    assert.equal(code({ origins: ['http://files.example'] }), 'insecure_url')
    assert.equal(code({ token: undefined }), 'invalid_configuration')
    assert.equal(code({ token: undefined, clientId: 'app' }), undefined)
  })
})
