import { connectionOf } from './adapter/enforcer.js'
import { Uma, type Access, type Describe, type Rule, type UmaOptions } from './adapter/uma.js'
import { arrivedOf, responseOf } from './adapter/web.js'
import type { Guard, GuardState } from './guard-options.js'
import type { Protection } from './protection.js'

export type { EnforcedRequest, KeycloakConfig } from './adapter/enforcer.js'
export type { Access, Describe, Rule, UmaOptions } from './adapter/uma.js'

/**
 * Keeps what one isolate has learnt for the next: a KV namespace as it is, or `cacheStore`. Whoever can write there can make
 * tokens.
 */
export interface StateStore {
  get(key: string): Promise<string | null>
  put(key: string, value: string): Promise<void>
}

/** What a Worker may say beside what every adapter takes */
export interface WorkerUmaOptions extends UmaOptions {
  /** Lets an isolate begin with the issuer's keys that another has fetched, and asks nobody before the first answer. */
  readonly keep?: StateStore | undefined
}

/** A store in the Cache API, such as `caches.default`: of one data centre, and without any binding */
export function cacheStore(cache: Cache): StateStore {
  const url = (key: string): string => `https://countersign.invalid/${encodeURIComponent(key)}`
  return {
    async get(key) {
      return (await cache.match(url(key)))?.text() ?? null
    },
    put: (key, value) => cache.put(url(key), new Response(value, { headers: { 'cache-control': 'max-age=3600' } })),
  }
}

/** A handler that is called only with permission; what comes after the request is handed through. */
export type ProtectedHandler<More extends readonly unknown[]> = (
  request: Request,
  access: Access,
  ...more: More
) => Response | Promise<Response>

/** Protects handlers from `Request` to `Response`. */
export interface WorkerUma {
  readonly guard: Guard
  readonly protection: Protection
  /** Lets requests through to a handler that have permission, and answers all others. */
  protect<More extends readonly unknown[]>(
    rule: Rule<Request>,
    handler: ProtectedHandler<More>,
  ): (request: Request, ...more: More) => Promise<Response>
  /** The same by the rules of the option `keycloak`; `describe` says more of a request, such as its body. */
  enforce<More extends readonly unknown[]>(
    handler: ProtectedHandler<More>,
    describe?: Describe<Request>,
  ): (request: Request, ...more: More) => Promise<Response>
}

/**
 * Protects what a Worker, or any other handler of web `Request`s, has.
 *
 * @example
 * const uma = await createUma({ issuer, clientId, clientSecret })
 * const rule = { scopes: ['read'], resource: (request) => resourceOf(new URL(request.url).pathname) }
 * export default { fetch: uma.protect(rule, (request, access) => Response.json(access.permission)) }
 */
export async function createUma({ keep, ...options }: WorkerUmaOptions): Promise<WorkerUma> {
  const { issuer, clientId } = connectionOf(options)
  const key = `countersign:${issuer}:${clientId}`
  const state = options.state ?? (keep === undefined ? undefined : await stored(keep, key))
  let context: Waiting | undefined
  const waitUntil = options.waitUntil ?? ((work: Promise<unknown>) => context?.waitUntil(work))
  const uma = await Uma.create({ ...options, state, waitUntil })
  let keptAt = state?.fetchedAt
  /** What ends after an answer needs the context of a request that still runs: the last one that has come. */
  const arrive = (more: readonly unknown[]): void => {
    context = more.findLast(isContext) ?? context
    const { fetchedAt } = uma.guard
    if (keep === undefined || fetchedAt === undefined || fetchedAt === keptAt) return
    keptAt = fetchedAt
    waitUntil(keep.put(key, JSON.stringify(uma.guard.exportState())).catch(() => {}))
  }
  return {
    guard: uma.guard,
    protection: uma.protection,
    protect: (rule, handler) => async (request, ...more) => {
      arrive(more)
      const passage = await uma.judge(rule, request, arrivedOf(request))
      return 'refusal' in passage ? responseOf(passage.refusal) : handler(request, passage.access, ...more)
    },
    enforce(handler, describe) {
      void uma.enforcer
      return async (request, ...more) => {
        arrive(more)
        const known = { uri: request.url, secure: request.url.startsWith('https:') }
        const passage = await uma.enforce(request, arrivedOf(request), known, describe)
        return 'refusal' in passage ? responseOf(passage.refusal) : handler(request, passage.access, ...more)
      }
    },
  }
}

/** A Worker's context, which comes as the last argument of `fetch` */
interface Waiting {
  waitUntil(work: Promise<unknown>): void
}

function isContext(value: unknown): value is Waiting {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Waiting>).waitUntil === 'function'
}

/** What is of no use, or cannot be had, is as good as nothing: the guard fetches it. */
async function stored(keep: StateStore, key: string): Promise<GuardState | undefined> {
  try {
    const state: unknown = JSON.parse((await keep.get(key)) ?? 'null')
    return typeof state === 'object' && state !== null ? (state as GuardState) : undefined
  } catch {
    return undefined
  }
}
