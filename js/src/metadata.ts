import { CountersignError } from './errors.js'
import { checkUrl, object, request, type HttpOptions } from './http.js'

const LIMIT = 64 * 1024

/** The endpoints that an issuer names (UMA Grant §2, FedAuthz §2) */
export interface Metadata {
  readonly issuer: string
  /** An endpoint, by its name in the document */
  endpoint(name: string): string
}

/** Reads `<issuer>/.well-known/uma2-configuration`, which has to name that same issuer (RFC 8414 §3.3). */
export async function discover(issuer: string, options: HttpOptions): Promise<Metadata> {
  const url = `${issuer}/.well-known/uma2-configuration`
  const answer = await request(url, { headers: { accept: 'application/json' } }, LIMIT, options)
  const document = object(answer)
  if (answer.status !== 200 || document?.['issuer'] !== issuer) {
    throw new CountersignError('unexpected_answer', `\`${url}\` does not describe the issuer \`${issuer}\``)
  }
  return {
    issuer,
    endpoint(name) {
      const value = document[name]
      if (typeof value !== 'string') {
        throw new CountersignError('unexpected_answer', `\`${url}\` names no \`${name}\``)
      }
      return checkUrl(value, name, options)
    },
  }
}
