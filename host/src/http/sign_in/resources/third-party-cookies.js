// First page: set a cookie as the sign-in's are, and go on. Second page: tell the app whether it came back.
'use strict'
{
  const { next } = document.currentScript.dataset
  const name = 'COUNTERSIGN_PROBE'
  if (next !== undefined) {
    document.cookie = `${name}=1; SameSite=Lax; Max-Age=60`
    location.replace(next)
  } else {
    const supported = document.cookie.split(';').some((pair) => pair.trim() === `${name}=1`)
    document.cookie = `${name}=; SameSite=Lax; Max-Age=0`
    // Who asks is not known here, and the answer is no secret.
    parent.postMessage(supported ? 'supported' : 'unsupported', '*')
  }
}
