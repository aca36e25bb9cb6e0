import { ask, basic, type HttpOptions } from './http.js'
import type { MetadataSource } from './metadata.js'

const LIMIT = 256 * 1024

/** Who asks introspection: the resource server */
export interface IntrospectionOptions {
  readonly clientId: string
  readonly clientSecret: string
}

/** Asks the authorization server what it says of a token now (FedAuthz §5.1, RFC 7662). */
export class Introspection {
  readonly #options: IntrospectionOptions & HttpOptions
  readonly #metadata: MetadataSource

  constructor(options: IntrospectionOptions & HttpOptions, metadata: MetadataSource) {
    this.#options = options
    this.#metadata = metadata
  }

  /** Its answer, for the module to read */
  async ask(token: string): Promise<Uint8Array | undefined> {
    const { clientId, clientSecret } = this.#options
    try {
      const url = await this.#metadata.endpoint('introspection_endpoint')
      const headers = {
        accept: 'application/json',
        authorization: basic(clientId, clientSecret),
        'content-type': 'application/x-www-form-urlencoded',
      }
      const body = new URLSearchParams({ token, token_type_hint: 'requesting_party_token' }).toString()
      const answer = await ask(url, { method: 'POST', headers, body }, LIMIT, this.#options)
      return answer.status === 200 ? answer.body : undefined
    } catch {
      return undefined
    }
  }
}
