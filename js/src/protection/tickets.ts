import { json, object } from '../http.js'
import { list, members, pages, segment, text, unexpected, type Calls } from './calls.js'
import type { NewTicket, Page, StoredTicket, TicketQuery } from './types.js'

const CALL = { endpoint: 'permission_endpoint' }

/** Requests and grants that are stored (wire §4) */
export class Tickets {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  /** All that fit, fetched page by page. */
  list(query: TicketQuery = {}, pageSize = 100): AsyncGenerator<StoredTicket, void, undefined> {
    return pages(pageSize, (first, max) => this.page({ ...query, first, max }))
  }

  /** One page of them. */
  async page(query: TicketQuery & Page = {}): Promise<StoredTicket[]> {
    const what = 'list stored tickets'
    const answer = await this.#calls.make({ ...CALL, what, method: 'GET', below: '/ticket', query, isRepeatable: true })
    return list(answer, what).map((ticket) => ticketOf(ticket, what))
  }

  /** How many fit. */
  async count(query: TicketQuery = {}): Promise<number> {
    const what = 'count stored tickets'
    const count = json(await this.#calls.make({ ...CALL, what, method: 'GET', below: '/ticket/count', query, isRepeatable: true }))
    if (typeof count !== 'number') throw unexpected(what)
    return count
  }

  /** Stores a request, or a grant. */
  async create(ticket: NewTicket): Promise<StoredTicket> {
    const what = 'store a ticket'
    const call = { ...CALL, what, method: 'POST', below: '/ticket', body: ticket, isRepeatable: false } as const
    return ticketOf(object(await this.#calls.make(call)), what)
  }

  /** Grants a request. */
  async grant(id: string): Promise<void> {
    const body = { id: text(id, 'grant a ticket'), granted: true }
    await this.#calls.make({ ...CALL, what: 'grant a ticket', method: 'PUT', below: '/ticket', body, isRepeatable: true })
  }

  /** Removes a request, or withdraws a grant. */
  async remove(id: string): Promise<void> {
    await this.#calls.make({ ...CALL, what: 'remove a ticket', method: 'DELETE', below: `/ticket${segment(id)}`, isRepeatable: false })
  }
}

function ticketOf(value: unknown, what: string): StoredTicket {
  const ticket = members(value, what)
  for (const name of ['id', 'resource', 'owner', 'requester']) text(ticket[name], what)
  if (typeof ticket['granted'] !== 'boolean') throw unexpected(what)
  return ticket as unknown as StoredTicket
}
