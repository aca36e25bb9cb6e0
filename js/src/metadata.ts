import { CountersignError } from './errors.js'
import { ask, checkUrl, object, type HttpOptions } from './http.js'

const LIMIT = 64 * 1024

/** Seconds after which metadata of an earlier life are asked for anew */
const KEEP = 3_600

/** The endpoints that an issuer names (UMA Grant §2, FedAuthz §2) */
export interface Metadata {
  readonly issuer: string
  /** The document itself */
  readonly document: Readonly<Record<string, unknown>>
  /** An endpoint, by its name in the document */
  endpoint(name: string): string
}

/** Reads `<issuer>/.well-known/uma2-configuration`, which has to name that same issuer (RFC 8414 §3.3). */
export async function discover(issuer: string, options: HttpOptions): Promise<Metadata> {
  const url = `${issuer}/.well-known/uma2-configuration`
  const answer = await ask(url, { headers: { accept: 'application/json' } }, LIMIT, options)
  const document = object(answer)
  if (answer.status !== 200 || document?.['issuer'] !== issuer) {
    throw new CountersignError('unexpected_answer', `\`${url}\` does not describe the issuer \`${issuer}\``)
  }
  return metadataOf(issuer, document, options)
}

function metadataOf(issuer: string, document: Readonly<Record<string, unknown>>, options: HttpOptions): Metadata {
  const url = `${issuer}/.well-known/uma2-configuration`
  return {
    issuer,
    document,
    endpoint(name) {
      const value = document[name]
      if (typeof value !== 'string') {
        throw new CountersignError('unexpected_answer', `\`${url}\` names no \`${name}\``)
      }
      return checkUrl(value, name, options)
    },
  }
}

/** Metadata as they were fetched */
export interface KeptMetadata {
  readonly document: Readonly<Record<string, unknown>>
  /** The second of the fetch */
  readonly fetchedAt: number
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
  readonly #now: () => number
  #fetchedAt = 0

  constructor(issuer: string, options: HttpOptions, now: () => number = () => Math.floor(Date.now() / 1_000)) {
    this.#issuer = issuer
    this.#options = options
    this.#now = now
  }

  /** What another source can begin with */
  get kept(): KeptMetadata | undefined {
    return this.#known === undefined ? undefined : { document: this.#known.document, fetchedAt: this.#fetchedAt }
  }

  /** Begins with metadata that were fetched before, unless that is too long ago or they are of another issuer. */
  restore({ document, fetchedAt }: KeptMetadata): void {
    const age = this.#now() - fetchedAt
    if (document['issuer'] !== this.#issuer || !(age >= 0 && age <= KEEP) || this.#known !== undefined) return
    this.#known = metadataOf(this.#issuer, document, this.#options)
    this.#fetchedAt = fetchedAt
  }

  /** Has them read anew at the next need. */
  forget(): void {
    this.#known = undefined
  }

  /** An endpoint, by its name in the document */
  async endpoint(name: string): Promise<string> {
    return (await this.#get()).endpoint(name)
  }

  #get(): Promise<Metadata> {
    if (this.#known !== undefined) return Promise.resolve(this.#known)
    const began = this.#now()
    const pause = this.#failure === undefined ? RETRY : began - this.#failure.at
    if (this.#failure !== undefined && pause >= 0 && pause < RETRY) return Promise.reject(this.#failure.error)
    this.#flight ??= discover(this.#issuer, this.#options)
      .then(
        (metadata) => {
          this.#known = metadata
          this.#fetchedAt = began
          this.#failure = undefined
          return metadata
        },
        (error: unknown) => {
          this.#failure = { at: began, error }
          throw error
        },
      )
      .finally(() => {
        this.#flight = undefined
      })
    return this.#flight
  }
}
