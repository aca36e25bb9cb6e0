// Asks the browser for a passkey, or to make one, and sends what comes of it with the form.
'use strict'
{
  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  const show = (id, shown) => { document.getElementById(id).hidden = !shown }
  const send = (form, values) => {
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value
    form.submit()
  }
  const millis = (data) => (data.timeout ? { timeout: Number(data.timeout) } : {})

  const signIn = document.getElementById('webauth')
  const register = document.getElementById('register')
  let waiting

  const ask = async (mediation) => {
    waiting?.abort()
    waiting = new AbortController()
    const data = signIn.dataset
    const credential = await navigator.credentials.get({
      mediation,
      signal: waiting.signal,
      publicKey: {
        challenge: bytes(data.challenge), rpId: data.rpId, userVerification: data.userVerification,
        allowCredentials: [], ...millis(data),
      },
    })
    const { response } = credential
    if (document.getElementById('rememberMe')?.checked) signIn.elements.rememberMe.value = 'on'
    send(signIn, {
      credentialId: credential.id,
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : '',
    })
  }

  const make = async () => {
    const data = register.dataset
    const credential = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(data.challenge),
        rp: { id: data.rpId, name: data.rpName },
        user: { id: bytes(data.userId), name: data.userName, displayName: data.userDisplayName },
        pubKeyCredParams: data.algorithms.split(' ').map((alg) => ({ type: 'public-key', alg: Number(alg) })),
        authenticatorSelection: {
          residentKey: 'required', requireResidentKey: true, userVerification: data.userVerification,
          ...(data.attachment ? { authenticatorAttachment: data.attachment } : {}),
        },
        attestation: data.attestation,
        excludeCredentials: data.known.split(' ').filter(Boolean).map((id) => ({ type: 'public-key', id: bytes(id) })),
        ...millis(data),
      },
    })
    const { response } = credential
    send(register, {
      publicKeyCredentialId: credential.id,
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      transports: response.getTransports?.().join(',') ?? '',
    })
  }

  // Whoever changes his mind stays on the page.
  const failed = (error) => { if (error.name !== 'AbortError') show('passkey-error', true) }

  if (window.PublicKeyCredential && signIn) {
    const button = document.getElementById('authenticateWebAuthnButton')
    button.hidden = false
    button.addEventListener('click', () => {
      show('passkey-error', false)
      ask('optional').catch(failed)
    })
    // Where the browser can, it offers passkeys in the field for the name.
    const offered = PublicKeyCredential.isConditionalMediationAvailable?.() ?? Promise.resolve(false)
    offered.then((can) => can && ask('conditional')).catch(() => {})
  }
  if (window.PublicKeyCredential && register) {
    show('passkey-unsupported', false)
    const button = document.getElementById('registerWebAuthn')
    button.hidden = false
    // Enter in the field for its name is the button too.
    register.addEventListener('submit', (event) => {
      if (event.submitter?.name === 'cancel-aia') return
      event.preventDefault()
      show('passkey-error', false)
      make().catch(failed)
    })
  }
}
