import { guardNow, loadGuard } from '#platform'

import { CountersignError } from './errors.js'
import type { GuardEngine } from './platform/types.js'

/** The decision module. Node and Workers have it at once; a browser has to load it first. */
export function engine(): GuardEngine['bindings'] {
  const loaded = guardNow()
  if (loaded === undefined) throw new CountersignError('engine_not_loaded', 'the decision module is not loaded: await `ready()` first')
  return loaded.bindings
}

/** Loads the decision module where that takes a moment, which is in browsers. */
export async function ready(): Promise<void> {
  await loadGuard()
}
