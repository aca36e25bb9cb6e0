/** Why a token or an access is refused: all codes there are. The decision module knows the same; a test compares them. */
export const DENIAL_CODES = [
  'bound_token',
  'engine_failed',
  'expired',
  'invalid_proof',
  'invalid_signature',
  'invalid_token',
  'keys_unavailable',
  'not_permitted',
  'not_yet_valid',
  'status_unavailable',
  'unknown_key',
  'withdrawn',
  'wrong_audience',
  'wrong_issuer',
] as const

/** Why a token or an access is refused */
export type DenialCode = (typeof DENIAL_CODES)[number]

/** What is thrown. A refused access is an answer and never thrown. */
export type ErrorCode =
  | 'engine_not_loaded'
  | 'insecure_url'
  | 'invalid_challenge'
  | 'invalid_configuration'
  | 'invalid_keys'
  | 'invalid_question'
  | 'server_refused'
  | 'server_unreachable'
  | 'unexpected_answer'

/** An error with a code that does not change. */
export class CountersignError extends Error {
  override readonly name: string = 'CountersignError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The authorization server has answered with an error; its own words are kept apart from our code. */
export class ServerError extends CountersignError {
  override readonly name: string = 'ServerError'
  /** HTTP status */
  readonly status: number
  /** The member `error` of its answer */
  readonly error: string | undefined
  /** The member `error_description` of its answer */
  readonly errorDescription: string | undefined

  constructor(what: string, status: number, error: string | undefined, errorDescription: string | undefined) {
    // What it says goes into logs only if it is an error code as OAuth has them (RFC 6749 §5.2).
    const said = error !== undefined && /^[ !#-[\]-~]{1,100}$/.test(error) ? ` (${error})` : ''
    super('server_refused', `${what}: the authorization server answered ${status}${said}`)
    this.status = status
    this.error = error
    this.errorDescription = errorDescription
  }
}

/** The module throws `{ code, message }`. */
export function thrown(reason: unknown): CountersignError {
  if (typeof reason === 'object' && reason !== null && 'code' in reason && 'message' in reason) {
    return new CountersignError(reason.code as ErrorCode, String(reason.message))
  }
  return new CountersignError('invalid_configuration', 'the decision module failed', { cause: reason })
}
