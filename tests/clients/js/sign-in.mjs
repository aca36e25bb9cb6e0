// A browser without script: cookies, forms, redirects.

const ENTITIES = { amp: '&', quot: '"', '#39': "'", '#x27': "'", '#x2F': '/', lt: '<', gt: '>' }
const unescape = text => text.replace(/&(amp|quot|#39|#x27|#x2F|lt|gt);/g, (_, name) => ENTITIES[name])

/** Follows redirects with cookies, and fills in the sign-in form where it meets one */
export class Browser {
  #cookies = new Map()

  async #request (url, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...options.headers, ...(cookie ? { cookie } : {}) }
    const response = await fetch(url, { ...options, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';')
      const at = pair.indexOf('=')
      if (/max-age=0\b/i.test(line)) this.#cookies.delete(pair.slice(0, at))
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return response
  }

  /** The page at `url`, or the first redirect to an address that begins with `until` */
  async open (url, until, options) {
    for (let hop = 0; hop < 10; hop += 1) {
      const response = await this.#request(url, options)
      const location = response.headers.get('location')
      if (location === null) return { url, status: response.status, text: await response.text() }
      url = new URL(location, url).href
      if (url.startsWith(until)) return { url, status: response.status, text: '' }
      options = undefined
    }
    throw new Error('too many redirects')
  }

  /** Signs somebody in at an authorization request; the address to which the browser returns */
  async signIn (url, until, username, password = `${username}-password`) {
    const page = await this.open(String(url), until)
    if (page.text === '') return new URL(page.url)
    const action = /<form[^>]*\baction="([^"]+)"/.exec(page.text)
    if (!action) throw new Error(`no form at ${page.url} (${page.status})`)
    const body = new URLSearchParams({ username, password })
    for (const [, field] of page.text.matchAll(/<input([^>]*\btype="hidden"[^>]*)>/g)) {
      const [, name] = /\bname="([^"]*)"/.exec(field) ?? []
      const [, value] = /\bvalue="([^"]*)"/.exec(field) ?? []
      if (name) body.append(unescape(name), unescape(value ?? ''))
    }
    const back = await this.open(new URL(unescape(action[1]), page.url).href, until, { method: 'POST', body })
    if (!back.url.startsWith(until)) throw new Error(`the sign-in was refused (${back.status})`)
    return new URL(back.url)
  }
}
