import type { Arrived, Refusal } from './uma.js'

/** What a web `Request` says */
export function arrivedOf(request: Request): Arrived {
  // As it was sent, as far as the platform shows it: without the origin.
  const target = request.url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/#.*$/, '')
  return { method: request.method, target: target.startsWith('/') ? target : `/${target}`, headers: [...request.headers] }
}

export function responseOf({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers: { ...headers } })
}
