import { ServerError } from '../errors.js'
import { UmaError } from './errors.js'
import type { Exchange, Rpt } from './exchange.js'

/** Seconds between two questions where the server names none, the least, and the most after failures */
const INTERVAL = 5
const LEAST = 1
const MOST = 60

export interface SubmissionParts {
  readonly resource: string
  readonly ticket: string
  readonly interval: number | undefined
  readonly exchange: Exchange
  readonly keep: (rpt: Rpt) => void
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>
}

/** Somebody asks, for all who wait */
interface Flight {
  readonly promise: Promise<void>
  readonly abort: AbortController
  waiting: number
}

/** A request that waits for its owner (UMA Grant §3.3.6, `request_submitted`) */
export class Submission {
  readonly #parts: SubmissionParts
  #ticket: string
  #interval: number
  #flight: Flight | undefined

  constructor(parts: SubmissionParts) {
    this.#parts = parts
    this.#ticket = parts.ticket
    this.#interval = Math.max(LEAST, parts.interval ?? INTERVAL)
  }

  /** The URL that was asked for, without its query */
  get resource(): string {
    return this.#parts.resource
  }

  /** The authorization server that was asked */
  get issuer(): string {
    return this.#parts.exchange.server.issuer
  }

  /** Seconds until the authorization server wants to be asked again */
  get interval(): number {
    return this.#interval
  }

  /**
   * Asks from time to time, and resolves when the owner has granted the request: the same request succeeds now.
   * Rejects with code `request_denied`; with `ticket_over` where the request has to be sent again to go on; with the
   * signal's reason when it is aborted. Many may wait: the server is asked once for all of them.
   */
  async wait({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    signal?.throwIfAborted()
    const flight = (this.#flight ??= this.#start())
    flight.waiting += 1
    let onAbort: (() => void) | undefined
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal?.reason as Error)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
    try {
      await Promise.race([flight.promise, aborted])
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
      flight.waiting -= 1
      if (flight.waiting === 0) {
        this.#land(flight)
        flight.abort.abort()
      }
    }
  }

  #start(): Flight {
    const abort = new AbortController()
    const flight: Flight = { promise: this.#poll(abort.signal).finally(() => this.#land(flight)), abort, waiting: 0 }
    flight.promise.catch(() => {})
    return flight
  }

  /** Whoever comes next begins anew. */
  #land(flight: Flight): void {
    if (this.#flight === flight) this.#flight = undefined
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { resource, exchange, keep, sleep } = this.#parts
    let pause = this.#interval
    for (;;) {
      await sleep(pause * 1_000, signal)
      const outcome = await exchange.present({ ticket: this.#ticket, signal })
      switch (outcome.kind) {
        case 'granted':
          keep(outcome.rpt)
          return
        case 'submitted':
          this.#ticket = outcome.ticket ?? this.#ticket
          this.#interval = Math.max(LEAST, outcome.interval ?? this.#interval)
          pause = this.#interval
          break
        case 'later':
          pause = Math.max(this.#interval, outcome.seconds ?? Math.min(MOST, pause * 2))
          break
        case 'denied':
          throw new UmaError('request_denied', resource, 'the owner has said no')
        case 'need_info':
        case 'ticket_over':
        case 'bad_rpt': {
          const cause = 'error' in outcome && outcome.error instanceof ServerError ? { cause: outcome.error } : {}
          throw new UmaError('ticket_over', resource, 'the ticket is of no use any more: send the request again', cause)
        }
      }
    }
  }
}
