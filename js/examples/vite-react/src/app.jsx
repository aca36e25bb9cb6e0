import { createUmaFetch, RequestSubmittedError, UmaError } from 'countersign/client'
import { useEffect, useMemo, useState } from 'react'

const ISSUER = import.meta.env.VITE_ISSUER ?? 'http://localhost:8080/realms/demo'
const CLIENT_ID = import.meta.env.VITE_CLIENT_ID ?? 'reader'

/** In the place of your OpenID Connect client: whoever signs in gets an access token, which stays in memory. */
async function signIn(form) {
  const body = new URLSearchParams({ grant_type: 'password', client_id: CLIENT_ID, scope: 'openid', ...Object.fromEntries(form) })
  const answer = await fetch(`${ISSUER}/protocol/openid-connect/token`, { method: 'POST', body })
  if (!answer.ok) throw new Error('Name or password is wrong.')
  return (await answer.json()).access_token
}

export function App() {
  const [token, setToken] = useState()
  const [said, setSaid] = useState('')
  if (token !== undefined) return <Document id="42" token={token} signOut={() => setToken(undefined)} />
  return (
    <form action={(form) => signIn(form).then(setToken, (error) => setSaid(error.message))}>
      <label>Name <input name="username" autoComplete="username" required /></label>
      <label>Password <input name="password" type="password" autoComplete="current-password" required /></label>
      <button>Sign in</button>
      <p role="status">{said}</p>
    </form>
  )
}

function Document({ id, token, signOut }) {
  const [said, setSaid] = useState('')
  const [text, setText] = useState()
  const umaFetch = useMemo(
    () => createUmaFetch({ authorizationServers: [{ issuer: ISSUER, origins: [location.origin], clientId: CLIENT_ID, token: () => token }] }),
    [token],
  )
  const [waiting] = useState(() => new AbortController())
  useEffect(() => () => waiting.abort(), [waiting])

  async function open() {
    try {
      const answer = await umaFetch(`${location.origin}/documents/${id}`)
      setText((await answer.json()).text)
      setSaid('')
    } catch (error) {
      if (error instanceof RequestSubmittedError) {
        setSaid('The owner has been asked.')
        error.submission.wait({ signal: waiting.signal }).then(open, () => {})
      } else setSaid(error instanceof UmaError ? `Not permitted (${error.code}).` : 'That did not work. Try again.')
    }
  }

  return (
    <main>
      <button onClick={open}>Open document {id}</button>
      <button onClick={() => { umaFetch.forget(); signOut() }}>Sign out</button>
      <p role="status">{said}</p>
      {text === undefined ? null : <article>{text}</article>}
    </main>
  )
}
