import type { HttpOptions } from '../http.js'
import type { NeedInfoError } from './errors.js'
import type { Submission } from './submission.js'

/** What a client tells of the requesting party (UMA Grant §3.3.1) */
export interface ClaimToken {
  readonly token: string
  /** Such as `http://openid.net/specs/openid-connect-core-1_0.html#IDToken` */
  readonly format: string
}

/** An authorization server that tokens may be sent to, and who asks there */
export interface AuthorizationServer {
  /** Its issuer, exactly as challenges name it in `as_uri` */
  readonly issuer: string
  /**
   * The origins of the resource servers that may send here, such as `https://files.example`. Permissions that this
   * server grants are shown to all of them, so list no stranger.
   */
  readonly origins: readonly string[]
  /** The client; needed where there is no `token` */
  readonly clientId?: string
  /** The secret of a confidential client; never in a browser */
  readonly clientSecret?: string
  /** The access token of who is signed in. With `clientSecret` it is sent as `subject_token`, else as bearer. */
  readonly token?: () => string | undefined | Promise<string | undefined>
}

/** What `createUmaFetch` needs to know */
export interface UmaFetchOptions extends HttpOptions {
  /** Tokens are sent to these and to nobody else. */
  readonly authorizationServers: readonly AuthorizationServer[]
  /** Answers a question about the requesting party; without an answer the request ends with `NeedInfoError`. */
  readonly onNeedInfo?: (need: NeedInfoError) => ClaimToken | undefined | Promise<ClaimToken | undefined>
  /** Is told when an owner has been asked. */
  readonly onSubmitted?: (submission: Submission) => void
  /** What shares one RPT within an origin: the path by default */
  readonly resourceOf?: (url: URL) => string
  /** RPTs to keep; 1,000 by default */
  readonly cacheSize?: number
  /** The time in milliseconds; `Date.now` by default */
  readonly clock?: () => number
  /** Waits for some milliseconds, or until the signal; `setTimeout` by default */
  readonly sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>
}

/** `fetch`'s own, and more */
export interface UmaRequestInit extends RequestInit {
  /** Waits until the owner has answered, for as long as `signal` lets it. */
  readonly waitForOwner?: boolean
}
