// Makes signed tokens for tests and the bench.
import { constants, sign as signature } from 'node:crypto'

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A compact JWS; `claims` may be a text, for JSON that no object can say. */
export function sign(claims, privateKey, { alg, kid, typ = 'JWT', ...header }) {
  const input = `${encode({ alg, typ, kid, ...header })}.${encode(claims)}`
  return `${input}.${signatureOver(input, privateKey, alg).toString('base64url')}`
}

export function signatureOver(input, key, alg) {
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  const padding = alg.startsWith('PS') ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
  const options = alg.startsWith('ES') ? { dsaEncoding: 'ieee-p1363' } : { padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return signature(hash, Buffer.from(input), alg === 'EdDSA' ? key : { key, ...options })
}
