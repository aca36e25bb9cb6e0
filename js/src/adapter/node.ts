import type { IncomingMessage, ServerResponse } from 'node:http'

import type { EnforcedRequest } from './enforcer.js'
import type { Arrived, Refusal } from './uma.js'

/** What Node says of a request; `target` is what the client sent, wherever a framework has mounted the route. */
export function arrivedOf(request: IncomingMessage, target: string = request.url ?? ''): Arrived {
  const { rawHeaders } = request
  const headers: [string, string][] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? ''])
  return { method: request.method ?? '', target, headers }
}

/** What claims may be made of */
export function moreOf(request: IncomingMessage): EnforcedRequest {
  const { socket } = request
  return { remoteAddr: socket?.remoteAddress ?? '', secure: 'encrypted' in socket && socket.encrypted === true }
}

export function send(response: ServerResponse, { status, headers, body }: Refusal): void {
  response.writeHead(status, { ...headers }).end(body)
}
