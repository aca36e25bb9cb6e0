import { CountersignError } from '../errors.js'
import { ask, object, request, type HttpOptions } from '../http.js'

const LIMIT = 256 * 1024

/** A call for claims about a request, as the configuration describes it (wire §11.2, `claim-information-point.http`) */
export interface ClaimService {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly parameters: Readonly<Record<string, readonly string[]>>
}

/** The JSON object that a service answers with, as text. Rejects where there is none: the request is refused then. */
export async function askService({ url, method, headers, parameters }: ClaimService, options: HttpOptions): Promise<string> {
  const sent = new Headers(pairs(headers))
  if (!sent.has('accept')) sent.set('accept', 'application/json')
  const form = new URLSearchParams(pairs(parameters))
  const isQuery = method === 'GET' || method === 'HEAD'
  const target = new URL(url)
  if (isQuery) for (const [name, value] of form) target.searchParams.append(name, value)
  const answer = isQuery
    ? await ask(target.href, { method, headers: sent }, LIMIT, options)
    : await request(target.href, { method, headers: sent, body: form }, LIMIT, options)
  const claims = answer.status === 200 ? object(answer) : undefined
  if (claims === undefined) throw new CountersignError('server_unreachable', `${target.origin} answers ${answer.status} without claims`)
  return JSON.stringify(claims)
}

function pairs(lists: Readonly<Record<string, readonly string[]>>): [string, string][] {
  return Object.entries(lists).flatMap(([name, values]) => values.map((value): [string, string] => [name, value]))
}
