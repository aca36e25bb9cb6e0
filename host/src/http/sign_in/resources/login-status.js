// An app asks by message "<client id> <session state>"; the answer is "unchanged", "changed" or "error"
// (OpenID Connect Session Management §3.2). Answers go to the origin that asked, once the server knows it.
'use strict'
{
  const frame = document.currentScript.dataset
  const origins = new Map()

  const status = () => {
    for (const pair of document.cookie.split(';')) {
      const [name, value] = pair.trim().split('=')
      if (name === frame.cookie) return value
    }
    return ''
  }

  const digest = async (text) => {
    const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
    return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  }

  const isKnown = (client, origin) => {
    const key = `${client} ${origin}`
    if (!origins.has(key)) {
      const query = new URLSearchParams({ client_id: client, origin })
      origins.set(key, fetch(`${frame.init}?${query}`).then((answer) => answer.ok, () => false))
    }
    return origins.get(key)
  }

  const answer = async (client, origin, session) => {
    if (!(await isKnown(client, origin))) return 'error'
    const now = status()
    if (session === '') return now === '' ? 'unchanged' : 'changed'
    return now === (await digest(session)) ? 'unchanged' : 'changed'
  }

  addEventListener('message', async ({ data, origin, source }) => {
    if (typeof data !== 'string' || source !== parent || origin === 'null') return
    const at = data.lastIndexOf(' ')
    if (at < 1) return
    const text = await answer(data.slice(0, at), origin, data.slice(at + 1)).catch(() => 'error')
    source.postMessage(text, origin)
  })
}
