import type { Jwk, Verifier } from './types.js'

type Parameters = RsaHashedImportParams & EcKeyImportParams & RsaPssParams & EcdsaParams

function parameters(alg: string): Partial<Parameters> & Algorithm | undefined {
  const bits = Number(alg.slice(2))
  const hash = `SHA-${bits}`
  switch (alg) {
    case 'RS256':
    case 'RS384':
    case 'RS512':
      return { name: 'RSASSA-PKCS1-v1_5', hash }
    case 'PS256':
    case 'PS384':
    case 'PS512':
      return { name: 'RSA-PSS', hash, saltLength: bits / 8 }
    case 'ES256':
    case 'ES384':
      return { name: 'ECDSA', namedCurve: `P-${bits}`, hash }
    case 'EdDSA':
      return { name: 'Ed25519' }
    default:
      return undefined
  }
}

/** Makes a verifier of a JWK, by WebCrypto. */
export async function verifier(jwk: Jwk): Promise<Verifier | undefined> {
  const algorithm = parameters(jwk.alg)
  if (algorithm === undefined) return undefined
  // Without `alg`: WebCrypto has another name for EdDSA, and the module has tied the key to its algorithm already.
  const { alg: _, ...members } = jwk
  try {
    const key = await crypto.subtle.importKey('jwk', members, algorithm as Parameters, false, ['verify'])
    return async (signed, signature) => {
      try {
        return await crypto.subtle.verify(algorithm as Parameters, key, signature as BufferSource, signed as BufferSource)
      } catch {
        return false
      }
    }
  } catch {
    return undefined
  }
}
