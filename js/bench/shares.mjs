// Loads many shares into WebAssembly from one snapshot and looks them up, as an edge worker would that holds a resource
// server's shares. Every share has ids of its own, which is the worst case for memory. Argument: the module that
// `tests/bench/module` compiles to. Prints one JSON array of rows.
import { readFileSync } from 'node:fs'

const SIZES = [1, 1_000, 100_000, 1_000_000]
const ROUNDS = 101
const LOOKUPS = 2_000
/** Microseconds, milliseconds and megabytes by number of shares */
const LOOKUP_BUDGET = 2
/** So many times as long a lookup may take among so many shares as at one alone */
const FLAT = { 1_000: 1.5, 100_000: 1.5 }
const LOAD_BUDGETS = { 100_000: 150, 1_000_000: 2_000 }
const MEMORY_BUDGETS = { 100_000: 24, 1_000_000: 200 }

const module = new WebAssembly.Module(readFileSync(process.argv[2]))
const instance = () => new WebAssembly.Instance(module, {}).exports
const milliseconds = begin => Number(process.hrtime.bigint() - begin) / 1_000_000
const rounded = value => Math.round(value * 1_000) / 1_000
const row = (name, value, unit, budget) => ({ name, value: rounded(value), unit, higher_is_better: false, budget })

/** A snapshot, made by another instance so that its memory does not count */
function snapshot (shares) {
  const writer = instance()
  const length = writer.write_snapshot(shares) >>> 0
  return new Uint8Array(writer.memory.buffer, writer.snapshot_place() >>> 0, length).slice()
}

/** So many shares in an instance of their own, with what their load took in time and memory */
function loaded (shares) {
  const bytes = snapshot(shares)
  const held = instance()
  const begin = process.hrtime.bigint()
  const place = held.room(bytes.length) >>> 0
  new Uint8Array(held.memory.buffer, place, bytes.length).set(bytes)
  if (!held.load(shares)) throw new Error('the snapshot was not read')
  return { shares, held, load: milliseconds(begin), memory: held.memory.buffer.byteLength / 1_000_000, times: [] }
}

/** Microseconds for one lookup */
function round ({ held }) {
  const begin = process.hrtime.bigint()
  for (let lookup = 0; lookup < LOOKUPS; lookup += 1) if (!held.lookup()) throw new Error('it does not stand')
  return milliseconds(begin) * 1_000 / LOOKUPS
}

/**
 * All take turns, so that a busy machine hits them alike. A turn begins with a round that does not count, which brings back
 * into the processor's caches what the turns of others have pushed out.
 */
function takeTurns (all) {
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    for (const one of all) {
      round(one)
      one.times.push(round(one))
    }
  }
}

const median = times => times.sort((a, b) => a - b)[ROUNDS >> 1]

function rows ({ shares, load, memory, times }, alone) {
  const budget = FLAT[shares] ? Math.min(LOOKUP_BUDGET, rounded(FLAT[shares] * alone)) : LOOKUP_BUDGET
  const rows = [row(`Share lookup in the module, shares: ${shares}`, median(times), 'µs', budget)]
  if (LOAD_BUDGETS[shares]) {
    rows.push(row(`Load of a snapshot in the module, shares: ${shares}`, load, 'ms', LOAD_BUDGETS[shares]))
    rows.push(row(`Memory of the module, shares: ${shares}`, memory, 'MB', MEMORY_BUDGETS[shares]))
  }
  return rows
}

// Modules are compiled well only after a while, in the background.
takeTurns([loaded(1_000)])
const all = SIZES.map(loaded)
takeTurns(all)
const alone = median(all[0].times)
console.log(JSON.stringify(all.flatMap(one => rows(one, alone)), null, 2))
