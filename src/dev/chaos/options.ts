import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { mutants } from './mutants.ts'
import type { Mutant } from './mutants.ts'

/** What one torture is asked for. */
export interface Options {
  /** How long the load and the blows last; what comes before and behind is not counted. */
  readonly seconds: number
  /** What the dice begin with. The order in which processes get their turns is the machine's, so no run is quite like another. */
  readonly seed: number
  readonly agents: number
}

export interface ChaosRequest extends Options {
  /** Faults to be planted, each in a torture of its own; none tortures the program as it is. */
  readonly mutants: readonly Mutant[]
}

const DEFAULT_SECONDS = 180
/** Long enough for a lease to run out and for ten seconds more to pass. */
const MUTANT_SECONDS = 55
const DEFAULT_AGENTS = 100
/** Fewer cannot play all the parts. */
const MIN_AGENTS = 20

const parseInteger = (name: string, text: string | undefined, fallback: number, min: number): number => {
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < min) throw new Error(`--${name} must be a whole number from ${min} on`)
  return value
}

function findMutant(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`no mutant is named ${name}; there are ${mutants.map((each) => each.name).join(', ')}`)
  return mutant
}

/**
 * Reads the command line, and the environment where the command line says nothing.
 * @throws with a sentence for whoever typed it
 */
export function readOptions(args: readonly string[], env: Readonly<Record<string, string | undefined>>): ChaosRequest {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      agents: { type: 'string' },
      mutant: { type: 'string', multiple: true },
      mutants: { type: 'boolean', default: false },
    },
  })
  const selected = values.mutants ? mutants : (values.mutant ?? []).map(findMutant)
  return {
    seconds: parseInteger('seconds', values.seconds ?? env['TORTURE_SECONDS'], selected.length > 0 ? MUTANT_SECONDS : DEFAULT_SECONDS, 1),
    seed: parseInteger('seed', values.seed ?? env['TORTURE_SEED'], randomInt(2 ** 31), 0),
    agents: parseInteger('agents', values.agents ?? env['TORTURE_AGENTS'], DEFAULT_AGENTS, MIN_AGENTS),
    mutants: selected,
  }
}
