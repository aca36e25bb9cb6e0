import type { Submission } from './submission.js'

/** Why a request that was challenged did not get its permission */
export type UmaErrorCode =
  | 'body_used'
  | 'need_info'
  | 'request_denied'
  | 'request_submitted'
  | 'ticket_over'
  | 'untrusted_server'

/** The way to a permission has ended. What the server answered is kept apart from our `code`. */
export class UmaError extends Error {
  override readonly name: string = 'UmaError'
  readonly code: UmaErrorCode
  /** The URL that was asked for, without its query */
  readonly resource: string

  constructor(code: UmaErrorCode, resource: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.resource = resource
  }
}

/** A claim that the authorization server wants to know (UMA Grant §3.3.6) */
export interface RequiredClaim {
  readonly name?: string
  readonly friendly_name?: string
  readonly claim_type?: string
  readonly claim_token_format?: readonly string[]
  readonly issuer?: readonly string[]
}

/** More has to be known of the requesting party (UMA Grant §3.3.6). */
export class NeedInfoError extends UmaError {
  override readonly name: string = 'NeedInfoError'
  readonly requiredClaims: readonly RequiredClaim[]
  /** Where a person may go to say it; an address of the authorization server's own origin, or none */
  readonly redirectUser: string | undefined
  /** The ticket to go on with; whoever goes to `redirectUser` takes it along */
  readonly ticket: string

  constructor(resource: string, ticket: string, requiredClaims: readonly RequiredClaim[], redirectUser: string | undefined) {
    super('need_info', resource, 'the authorization server needs to know more about who asks')
    this.ticket = ticket
    this.requiredClaims = requiredClaims
    this.redirectUser = redirectUser
  }
}

/** The owner has been asked (UMA Grant §3.3.6). */
export class RequestSubmittedError extends UmaError {
  override readonly name: string = 'RequestSubmittedError'
  /** What is waited for */
  readonly submission: Submission

  constructor(submission: Submission) {
    super('request_submitted', submission.resource, 'the owner has been asked and has not answered yet')
    this.submission = submission
  }
}

