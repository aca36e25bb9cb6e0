import { constants, createPublicKey, verify, type JsonWebKey, type VerifyKeyObjectInput } from 'node:crypto'

import type { Jwk, Verifier } from './types.js'

type Algorithm = readonly [hash: string | null, options: Omit<VerifyKeyObjectInput, 'key'>]

const ALGORITHMS = new Map<string, Algorithm>([
  ['ES256', ['sha256', { dsaEncoding: 'ieee-p1363' }]],
  ['ES384', ['sha384', { dsaEncoding: 'ieee-p1363' }]],
  ['EdDSA', [null, {}]],
])
for (const bits of ['256', '384', '512']) {
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  ALGORITHMS.set(`RS${bits}`, [`sha${bits}`, { padding: constants.RSA_PKCS1_PADDING }])
  ALGORITHMS.set(`PS${bits}`, [`sha${bits}`, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }])
}

/** Makes a verifier of a JWK, by `node:crypto`. */
export function verifier(jwk: Jwk): Verifier | undefined {
  const algorithm = ALGORITHMS.get(jwk.alg)
  if (algorithm === undefined) return undefined
  try {
    const [hash, options] = algorithm
    const input = { key: createPublicKey({ key: jwk as unknown as JsonWebKey, format: 'jwk' }), ...options }
    return (signed, signature) => {
      try {
        return verify(hash, signed, input, signature)
      } catch {
        return false
      }
    }
  } catch {
    return undefined
  }
}
