import { openStream } from '#platform'

import type { HttpOptions } from './http.js'

/** Longest message that is waited for, in characters; the module takes none that is longer */
const LIMIT = 256 * 1024

/**
 * The data of server-sent events as they come (HTML §9.2), from the one after the event `since`. Ends with the stream;
 * rejects where there is none to be had.
 */
export async function* events(
  url: string,
  since: string | undefined,
  signal: AbortSignal,
  { fetch }: HttpOptions,
): AsyncGenerator<string> {
  const headers = { accept: 'text/event-stream', ...(since === undefined ? {} : { 'last-event-id': since }) }
  const open = fetch === undefined ? openStream : fetchStream.bind(undefined, fetch)
  if (open === undefined) throw new TypeError('nothing outlives a request here')
  yield* messages(await open(url, headers, signal))
}

/** A stream of events by `fetch` */
export async function fetchStream(
  send: typeof fetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { status, headers: answered, body } = await send(url, { headers: { ...headers }, redirect: 'manual', signal })
  if (!isStream(status, answered.get('content-type')) || body === null) {
    await body?.cancel()
    throw new TypeError('no stream of events')
  }
  return chunks(body.getReader())
}

/** Whether an answer is a stream of events */
export function isStream(status: number | undefined, type: string | null | undefined): boolean {
  return status === 200 && type?.split(';')[0]?.trim().toLowerCase() === 'text/event-stream'
}

async function* chunks(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

async function* messages(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length > LIMIT) throw new RangeError('an event is too long')
    // A carriage return at the end may be the first half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?=[^])/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n')
        data = []
        continue
      }
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      if (field === 'data') data.push(value)
      if (data.length > 1_024) throw new RangeError('an event is too long')
    }
  }
}
