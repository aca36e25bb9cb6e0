import { verifier } from '#platform'

import { toBase64Url } from './bytes.js'
import type { GateEngine, Jwk } from './platform/types.js'
import type { DpopRequest } from './types.js'

/** How a guard takes DPoP proofs */
export interface DpopOptions {
  /**
   * Remembers a proof until this second, and says whether it is seen for the first time. By default the process
   * remembers 10,000; several processes behind one address need a store that they share.
   */
  readonly isFirst?: (proof: string, until: number) => boolean | Promise<boolean>
}

export type Proof = InstanceType<GateEngine['bindings']['ProofModule']>

const MOST = 10_000

/** The proofs that were seen and could be sent again. Full of live ones, it takes no more: nothing is forgotten early. */
class ProofMemory {
  readonly #until = new Map<string, number>()

  isFirst(proof: string, until: number, now: number): boolean {
    if (this.#until.has(proof)) return false
    if (this.#until.size >= MOST) {
      for (const [known, end] of this.#until) if (end < now) this.#until.delete(known)
      if (this.#until.size >= MOST) return false
    }
    this.#until.set(proof, until)
    return true
  }
}

/** Checks DPoP proofs: the module all but the signature, the platform the signature. */
export class Proofs {
  readonly #engine: GateEngine
  readonly #options: DpopOptions
  readonly #memory = new ProofMemory()

  constructor(engine: GateEngine, options: DpopOptions) {
    this.#engine = engine
    this.#options = options
  }

  /** A proof whose sender holds its key; throws `{ code, message }`. Whoever gets it has to free it. */
  async verify(token: string, { proofs, method, url }: DpopRequest, now: number): Promise<Proof> {
    const proof = new this.#engine.bindings.ProofModule([...proofs], method, url, token, [], now)
    try {
      const isRight = await verifier(proof.key() as Jwk)
      proof.finish((await isRight?.(proof.input(), proof.signature())) === true)
      return proof
    } catch (error) {
      proof.free()
      throw error
    }
  }

  /** Whether it is seen for the first time */
  async isFirst(proof: Proof, now: number): Promise<boolean> {
    const key = toBase64Url(proof.replay_key())
    const until = proof.until()
    if (this.#options.isFirst === undefined) return this.#memory.isFirst(key, until, now)
    return (await this.#options.isFirst(key, until)) === true
  }
}
