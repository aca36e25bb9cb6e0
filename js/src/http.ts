import { concatenated } from './bytes.js'
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
  readonly headers: Headers
}

/** What a request may be given beside `fetch`'s own */
export type RequestOptions = Omit<RequestInit, 'redirect'>

/**
 * One request. Redirects are refused, time and size are bounded, whatever `fetch` makes of its signal; what fails is
 * `server_unreachable`. An abort by the caller's own signal rejects with its reason.
 */
export function request(url: string, init: RequestOptions, limit: number, options: HttpOptions): Promise<Answer> {
  return bounded(url, init, limit, options, (send) => send())
}

/**
 * Like `request`, for one that changes nothing: where the connection breaks before the answer begins it is sent once more. A
 * server closes connections that lie idle, and a busy process uses such a one before it hears of that.
 */
export function ask(url: string, init: RequestOptions, limit: number, options: HttpOptions): Promise<Answer> {
  return bounded(url, init, limit, options, (send, signal) =>
    send().catch((error: unknown) => {
      if (signal.aborted) throw error
      return send()
    }),
  )
}

type Sending = (send: () => Promise<Response>, signal: AbortSignal) => Promise<Response>

async function bounded(url: string, init: RequestOptions, limit: number, options: HttpOptions, sending: Sending): Promise<Answer> {
  const send = options.fetch ?? globalThis.fetch
  const abort = new AbortController()
  const caller = init.signal ?? undefined
  caller?.throwIfAborted()
  let stop: (reason: unknown) => void = () => {}
  const stopped = new Promise<never>((_, reject) => {
    stop = (reason) => {
      abort.abort(reason)
      reject(reason as Error)
    }
  })
  stopped.catch(() => {})
  const onAbort = (): void => stop(caller?.reason)
  const timer = setTimeout(() => stop(new DOMException('no answer in time', 'TimeoutError')), options.timeout ?? 5_000)
  caller?.addEventListener('abort', onAbort, { once: true })
  try {
    // `manual`, because Workers know no `error`.
    const { signal } = abort
    const once = async (): Promise<Response> => send(url, { ...init, redirect: 'manual', signal })
    const sent = sending(once, signal).then((response) => read(response, limit))
    sent.catch(() => {})
    return await Promise.race([sent, stopped])
  } catch (cause) {
    if (caller?.aborted === true) throw caller.reason
    throw new CountersignError('server_unreachable', `${new URL(url).origin} cannot be reached`, { cause })
  } finally {
    clearTimeout(timer)
    caller?.removeEventListener('abort', onAbort)
  }
}

async function read(response: Response, limit: number): Promise<Answer> {
  const { status, headers } = response
  if (response.type === 'opaqueredirect' || (status >= 300 && status <= 399)) {
    await response.body?.cancel()
    throw new TypeError('the server redirects')
  }
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
    if (done || value === undefined) break
    length += value.byteLength
    if (length > limit) {
      await reader?.cancel()
      throw new RangeError(`answer is longer than ${limit} bytes`)
    }
    chunks.push(value)
  }
  return { status, headers, body: concatenated(chunks, length) }
}

/** The header of HTTP Basic, both parts form-encoded first (RFC 6749 §2.3.1) */
export function basic(clientId: string, clientSecret: string): string {
  const encode = (part: string): string => new URLSearchParams([['', part]]).toString().slice(1)
  return `Basic ${btoa(`${encode(clientId)}:${encode(clientSecret)}`)}`
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
