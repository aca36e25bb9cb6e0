/**
 * For pages: verifies and explains tokens, and reads challenges. One folder of plain modules, which a page can import as it
 * is, without a bundler.
 */
export { challenge, findChallenge, type Challenge } from './challenge.js'
export { ready } from './engine.js'
export { CountersignError, DENIAL_CODES, type DenialCode, type ErrorCode } from './errors.js'
export { explainToken, type SaidPermission, type TokenExplanation, type TokenQuestion } from './explain.js'
export { createGuard } from './guard.js'
export type { Guard, GuardOptions, GuardState } from './guard-options.js'
export { allowInsecureRequests, type HttpOptions } from './http.js'
export type { Answer, Denied, Explanation, Permission, Permitted, Request, RptClaims } from './types.js'
