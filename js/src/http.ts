import { CountersignError, ServerError } from './errors.js'

/** Lets a server be asked over plain HTTP. Loopback addresses need no permission. */
export const allowInsecureRequests: unique symbol = Symbol('countersign.allowInsecureRequests')

/** What every client of a server takes */
export interface HttpOptions {
  /** Used instead of the global `fetch` */
  readonly fetch?: typeof fetch
  /** Milliseconds until a request is given up; 5,000 by default */
  readonly timeout?: number
  /** Lets the server be asked over plain HTTP from another machine: tokens and keys can then be read and replaced */
  readonly [allowInsecureRequests]?: boolean
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Refuses what is no URL to send secrets to, or to take keys from. */
export function checkUrl(text: string, name: string, options: HttpOptions): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new CountersignError('invalid_configuration', `\`${name}\` must be a URL without user and fragment`)
  }
  const plain = url.protocol === 'http:' && (LOOPBACK.has(url.hostname) || options[allowInsecureRequests] === true)
  if (url.protocol !== 'https:' && !plain) {
    throw new CountersignError('insecure_url', `\`${name}\` must be an https: URL`)
  }
  return text
}

/** An answer with its body read, up to a limit */
export interface Answer {
  readonly status: number
  readonly body: Uint8Array
}

/** One request. Redirects are refused, time and size are bounded; what fails is `server_unreachable`. */
export async function request(url: string, init: RequestInit, limit: number, options: HttpOptions): Promise<Answer> {
  const send = options.fetch ?? fetch
  try {
    const signal = AbortSignal.timeout(options.timeout ?? 5_000)
    const response = await send(url, { ...init, redirect: 'error', signal })
    return { status: response.status, body: await bounded(response, limit) }
  } catch (cause) {
    throw new CountersignError('server_unreachable', `${new URL(url).origin} cannot be reached`, { cause })
  }
}

async function bounded(response: Response, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength
    if (length > limit) throw new RangeError(`answer is longer than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The JSON object of an answer, or nothing. */
export function object(answer: Answer): Record<string, unknown> | undefined {
  const value = json(answer)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

/** The JSON value of an answer, or nothing. */
export function json(answer: Answer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.body))
  } catch {
    return undefined
  }
}

/** The server's error (RFC 6749 §5.2 and Keycloak's form), its words kept apart from ours. */
export function refused(what: string, answer: Answer): ServerError {
  const { error, error_description: description } = object(answer) ?? {}
  const known = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  return new ServerError(what, answer.status, known(error), known(description))
}
