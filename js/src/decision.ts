import type { DenialCode } from './errors.js'
import type { ModuleMemory } from './module-memory.js'
import type { SeenToken, SeenTokens } from './seen.js'
import type { Answer, Denied, Permission, Permitted, Request, RptClaims } from './types.js'

/** What can say why it has just said no */
export interface RefusingModule {
  refusal(): unknown
}

class GrantedAccess implements Permitted {
  readonly permitted = true
  readonly permission: Permission
  readonly #seen: SeenToken

  constructor(permission: Permission, seen: SeenToken) {
    this.permission = permission
    this.#seen = seen
  }

  get rpt(): RptClaims {
    return this.#seen.claims
  }
}

const NO_SCOPES: readonly string[] = Object.freeze([])

/** Whether a verified token permits what is asked: as the module said before, or says now. */
export function decide(memory: ModuleMemory, tokens: SeenTokens, seen: SeenToken, request: Request, now: number): Answer {
  const { resource, resourceName, scopes = NO_SCOPES } = request
  const isName = resource === undefined
  const wanted = isName ? resourceName : resource
  if (typeof wanted !== 'string' || (!isName && resourceName !== undefined) || !Array.isArray(scopes)) {
    return denied('not_permitted', 'the request names no resource, or two, or no list of scopes')
  }
  const kept = seen.recall(isName, wanted, scopes, now)
  if (kept !== undefined) return kept
  const until = memory.permits(seen.handle, isName, wanted, scopes, now)
  if (until < 0) {
    const refusal = refusalOf(memory)
    if (refusal.code === 'expired') tokens.remove(seen.token)
    return refusal
  }
  const granted = Object.freeze(new GrantedAccess(frozen(memory.granted(resource, scopes)), seen))
  seen.remember({ isName, resource: wanted, scopes: [...scopes], until, answer: granted })
  return granted
}

/** Why the module has just said no */
export function refusalOf(module: RefusingModule): Denied {
  const { code, message } = module.refusal() as { code: DenialCode; message: string }
  return denied(code, message)
}

export function denied(code: DenialCode, message: string): Denied {
  return { permitted: false, code, message }
}

function frozen(permission: Permission): Permission {
  if (permission.scopes !== undefined) Object.freeze(permission.scopes)
  return Object.freeze(permission)
}
