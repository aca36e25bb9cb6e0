// Writes tests/vectors/token/*.json anew: their tokens are signed for real, by keys that are forgotten afterwards.
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { sign } from '../test/signer.mjs'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'tests', 'vectors', 'token')
const ISSUER = 'https://as.example/realms/demo'
const NOW = 1_800_000_000

const pairs = {
  rsa: ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ec: ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ec384: ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ed: ['EdDSA', generateKeyPairSync('ed25519')],
  pss: ['PS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
}
const jwk = (kid) => ({ ...pairs[kid][1].publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: pairs[kid][0] })
const keys = { keys: Object.keys(pairs).map(jwk) }
const base = {
  exp: NOW + 300, iat: NOW, jti: 'onrtna:1', iss: ISSUER, aud: 'documents', sub: 'bob', typ: 'Bearer', azp: 'reader',
  authorization: { permissions: [{ rsid: '42', rsname: 'document 42', scopes: ['read'] }] },
}

const token = (kid, claims = base, header = {}) => {
  const [alg, { privateKey }] = pairs[kid]
  return sign(claims, privateKey, { alg, kid, ...header })
}
const cases = {}
function add(file, spec, note, compact, want, { now = NOW, given = {}, signature_ok = want.code !== 'invalid_signature' } = {}) {
  cases[file] ??= []
  cases[file].push({
    spec, kind: 'token', note,
    given: { issuer: ISSUER, audience: 'documents', leeway: 0, keys, ...given },
    request: { token: compact, now, signature_ok },
    want,
  })
}
const accepted = { accepted: true, sub: 'bob', expires_at: NOW + 300 }
const refused = (code) => ({ accepted: false, code })

for (const kid of Object.keys(pairs)) add('algorithms', 'RFC 7518 §3.1', `a token signed with ${pairs[kid][0]} is good`, token(kid), accepted)
for (const alg of ['none', 'None', 'HS256', 'es256']) {
  const [header, ...rest] = token('ec').split('.')
  const changed = JSON.stringify({ ...JSON.parse(Buffer.from(header, 'base64url')), alg })
  add('algorithms', 'RFC 8725 §3.1', `algorithm ${alg} is not served`, [Buffer.from(changed).toString('base64url'), ...rest].join('.'), refused('invalid_token'))
}
add('algorithms', 'RFC 8725 §3.1', 'a key that is for RS256 does not check PS256', sign(base, pairs.rsa[1].privateKey, { alg: 'PS256', kid: 'rsa' }), refused('unknown_key'))
{
  const [header, ...rest] = token('ed').split('.')
  const changed = Buffer.from(header, 'base64url').toString().replace('EdDSA', 'HS512')
  add('algorithms', 'RFC 8725 §3.1', 'HS512 is never a matter of published keys', [Buffer.from(changed).toString('base64url'), ...rest].join('.'), refused('unknown_key'))
}

const flipped = (text) => `${text.slice(0, -10)}${text.at(-10) === 'A' ? 'B' : 'A'}${text.slice(-9)}`
for (const kid of ['rsa', 'ec', 'ed']) add('signatures', 'RFC 7515 §5.2', `a changed signature is refused (${pairs[kid][0]})`, flipped(token(kid)), refused('invalid_signature'))
{
  const [header, , signature] = token('rsa').split('.')
  const other = Buffer.from(JSON.stringify({ ...base, sub: 'mallory' })).toString('base64url')
  add('signatures', 'RFC 7515 §5.2', 'changed claims are refused', `${header}.${other}.${signature}`, refused('invalid_signature'))
  const der = token('ec').split('.').slice(0, 2).concat(Buffer.alloc(70, 0x30).toString('base64url')).join('.')
  add('signatures', 'RFC 7518 §3.4', 'an ECDSA signature in DER is refused', der, refused('invalid_signature'))
  const zero = token('ec').split('.').slice(0, 2).concat(Buffer.alloc(64).toString('base64url')).join('.')
  add('signatures', 'RFC 7518 §3.4', 'an ECDSA signature of zeros is refused', zero, refused('invalid_signature'))
}
add('keys', 'RFC 7517 §4.5', 'a kid that nobody has names no key', token('rsa', base, { kid: '../../dev/null' }), refused('unknown_key'))
add('keys', 'RFC 7517 §4.5', 'without kid the only key of the algorithm is meant', token('ed', base, { kid: undefined }), accepted)
add('keys', 'RFC 7517 §4.5', 'two keys of one name and algorithm are as good as none', token('ed'), refused('unknown_key'), { given: { keys: { keys: [jwk('ed'), jwk('ed')] } } })
add('keys', 'RFC 7517 §4.2', 'a key for encryption checks no signature', token('rsa'), refused('unknown_key'), { given: { keys: { keys: [{ ...jwk('rsa'), use: 'enc' }] } } })
add('keys', 'RFC 7515 §4.1.3', 'a key in the header is not used', sign(base, pairs.ed[1].privateKey, { alg: 'EdDSA', kid: 'mine', jwk: jwk('ed'), jku: 'https://evil.example' }), refused('unknown_key'))

const text = (claims) => JSON.stringify(claims)
for (const [note, member] of [['aud twice', '"aud":"other"'], ['exp twice, once escaped', '"\\u0065xp":9999999999']]) {
  add('claims', 'RFC 7519 §4', `${note} is refused`, token('ed', text(base).replace('{', `{${member},`)), refused('invalid_token'))
}
add('claims', 'RFC 7519 §4', 'a member given twice deep inside is refused', token('ed', text(base).replace('"scopes":["read"]', '"scopes":["read"],"scopes":["write"]')), refused('invalid_token'))
add('claims', 'RFC 8725 §3.8', 'the issuer with a slash more is another', token('ed', { ...base, iss: `${ISSUER}/` }), refused('wrong_issuer'))
add('claims', 'RFC 7519 §4.1.3', 'the audience may be one of several', token('ed', { ...base, aud: ['account', 'documents'] }), accepted)
add('claims', 'RFC 7519 §4.1.3', 'part of the audience is not the audience', token('ed', { ...base, aud: 'document' }), refused('wrong_audience'))
add('claims', 'RFC 7519 §4.1.3', 'a token for nobody is for nobody', token('ed', { ...base, aud: [] }), refused('wrong_audience'))
add('claims', 'RFC 8725 §3.12', 'an ID token is no access token', token('ed', { ...base, typ: 'ID' }), refused('invalid_token'))
add('claims', 'RFC 8725 §3.12', 'a refresh token is no access token', token('ed', { ...base, typ: 'Refresh' }), refused('invalid_token'))
add('claims', 'RFC 9068 §2.1', 'at+jwt needs no claim typ', token('ed', { ...base, typ: undefined }, { typ: 'at+jwt' }), accepted)
add('claims', 'RFC 8725 §3.12', 'a logout token is no access token', token('ed', base, { typ: 'logout+jwt' }), refused('invalid_token'))
add('claims', 'RFC 9449 §7.2', 'a bound token is no bearer token', token('ed', { ...base, cnf: { jkt: 'x' } }), refused('bound_token'))

add('times', 'RFC 7519 §4.1.4', 'a token is good in the second of its exp', token('ed'), accepted, { now: NOW + 300 })
add('times', 'RFC 7519 §4.1.4', 'a token is dead a second later', token('ed'), refused('expired'), { now: NOW + 301 })
add('times', 'RFC 7519 §4.1.4', 'leeway does not lengthen a life', token('ed'), refused('expired'), { now: NOW + 301, given: { leeway: 60 } })
add('times', 'RFC 7519 §4.1.5', 'a token of the future is not good yet', token('ed', { ...base, nbf: NOW + 6 }), refused('not_yet_valid'), { given: { leeway: 5 } })
add('times', 'RFC 7519 §4.1.5', 'a clock may be ahead by the leeway', token('ed', { ...base, iat: NOW + 5 }), accepted, { given: { leeway: 5 } })
add('times', 'RFC 7519 §4.1.4', 'a token without exp is refused', token('ed', { ...base, exp: undefined }), refused('invalid_token'))
add('times', 'RFC 7519 §2', 'a time as text is no time', token('ed', { ...base, exp: `${NOW + 300}` }), refused('invalid_token'))
add('times', 'RFC 7519 §2', 'a time beyond every number is no time', token('ed', text(base).replace(/"exp":\d+/, '"exp":1e400')), refused('invalid_token'))

add('form', 'RFC 7515 §4.1.11', 'critical extensions are refused', token('ed', base, { crit: ['exp'], exp: 1 }), refused('invalid_token'))
add('form', 'RFC 7797 §6', 'an unencoded payload is refused', token('ed', base, { b64: false }), refused('invalid_token'))
add('form', 'RFC 7515 §2', 'padding is refused', `${token('rsa')}==`, refused('invalid_token'))
add('form', 'RFC 7515 §2', 'a blank at the end is refused', `${token('ed')} `, refused('invalid_token'))
add('form', 'RFC 7515 §7.1', 'two tokens with a comma between are none', `${token('ed')},${token('ed')}`, refused('invalid_token'))
add('form', 'RFC 7515 §7.1', 'two parts are no token', token('ed').split('.').slice(0, 2).join('.'), refused('invalid_token'))
add('form', 'RFC 7515 §7.1', 'the empty text is no token', '', refused('invalid_token'))
add('form', 'RFC 7519 §7.2', 'claims that are a list are no claims', token('ed', '[]'), refused('invalid_token'))

mkdirSync(folder, { recursive: true })
for (const [name, list] of Object.entries(cases)) writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(list, null, 1)}\n`)
console.log(`${Object.values(cases).flat().length} cases in ${Object.keys(cases).length} files`)
