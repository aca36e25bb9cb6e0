import { constants, createPublicKey, verify, type JsonWebKey, type VerifyKeyObjectInput } from 'node:crypto'

/** A public key as the module lists it, ready for `node:crypto`, with all that its one algorithm needs */
export interface VerificationKey {
  readonly hash: string | null
  readonly input: VerifyKeyObjectInput
}

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

/** Makes a key of a JWK; none where the platform finds fault with it, such as a point off the curve. */
export function verificationKey(jwk: JsonWebKey): VerificationKey | undefined {
  const algorithm = ALGORITHMS.get(String(jwk['alg']))
  if (algorithm === undefined) return undefined
  try {
    const [hash, options] = algorithm
    return { hash, input: { key: createPublicKey({ key: jwk, format: 'jwk' }), ...options } }
  } catch {
    return undefined
  }
}

/** Whether a signature over these bytes is right under this key by the key's algorithm. An error is a no. */
export function isSignedBy(signed: Uint8Array, signature: Uint8Array, { hash, input }: VerificationKey): boolean {
  try {
    return verify(hash, signed, input, signature)
  } catch {
    return false
  }
}
