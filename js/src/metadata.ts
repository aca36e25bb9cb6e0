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

/** Seconds between two attempts while the issuer cannot be reached */
const RETRY = 1

/** The metadata of an issuer, read once for all who wait, at the first need */
export class MetadataSource {
  readonly #issuer: string
  readonly #options: HttpOptions
  #known: Metadata | undefined
  #flight: Promise<Metadata> | undefined
  #failure: { readonly at: number; readonly error: unknown } | undefined

  constructor(issuer: string, options: HttpOptions) {
    this.#issuer = issuer
    this.#options = options
  }

  /** An endpoint, by its name in the document */
  async endpoint(name: string): Promise<string> {
    return (await this.#get()).endpoint(name)
  }

  #get(): Promise<Metadata> {
    if (this.#known !== undefined) return Promise.resolve(this.#known)
    const now = performance.now() / 1_000
    if (this.#failure !== undefined && now - this.#failure.at < RETRY) return Promise.reject(this.#failure.error)
    this.#flight ??= discover(this.#issuer, this.#options)
      .then(
        (metadata) => {
          this.#known = metadata
          this.#failure = undefined
          return metadata
        },
        (error: unknown) => {
          this.#failure = { at: performance.now() / 1_000, error }
          throw error
        },
      )
      .finally(() => {
        this.#flight = undefined
      })
    return this.#flight
  }
}
