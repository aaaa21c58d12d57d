import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { mutants } from './mutants.ts'
import type { Mutant } from './mutants.ts'

/** The options of one chaos test. */
export interface Options {
  /** Duration of load and faults. Setup, drain and checks come in addition. */
  readonly seconds: number
  /** Seed of all random choices. The operating system schedules the processes, so two tests with one seed still differ. */
  readonly seed: number
  readonly agents: number
  /** Processes of each server. With more than one, most kills are of a worker, and so is a stop. */
  readonly workers: number
}

/** The parsed command line. */
export interface ChaosRequest extends Options {
  /** Bugs to plant, each in a chaos test of its own. With none, the test runs the unchanged program. */
  readonly mutants: readonly Mutant[]
  /** Whether to print `helpText` and exit. */
  readonly help: boolean
}

const DEFAULT_SECONDS = 180
/** Long enough for a lease to expire and for ten more seconds to pass. */
const MUTANT_SECONDS = 55
const DEFAULT_AGENTS = 100
/** With fewer agents, some behaviors have no agent. */
const MIN_AGENTS = 20
const MAX_WORKERS = 8

/** The text that `--help` prints. */
export const helpText = `Usage: npm run chaos -- [options]

The chaos test starts one Postgres and three servers, runs load against them, injects faults (SIGKILL, SIGSTOP, closed
database sessions, a restart and a crash of Postgres), and checks that every property holds. The exit code is 0 if every
property holds, 1 if a property is violated or a mutant is not caught, and 2 if an option is invalid.

Options:
  --seconds <n>    Run load and faults for n seconds. The default is ${DEFAULT_SECONDS}, or ${MUTANT_SECONDS} with a mutant. Setup, drain and checks come in
                   addition. Environment variable: CHAOS_SECONDS.
  --seed <n>       Use n as the seed of all random choices. The default is a random number, which the first line of the
                   output prints. Environment variable: CHAOS_SEED.
  --agents <n>     Create n agents, at least ${MIN_AGENTS}. The default is ${DEFAULT_AGENTS}. Environment variable: CHAOS_AGENTS.
  --workers <n>    Start servers of n workers each (PAPERCLIP_WORKERS), and two of them instead of three. Two of three kills, and every
                   stop, are of a worker. The default is 1. Environment variable: CHAOS_WORKERS.
  --mutant <name>  Plant the named bug into a copy of the program and check that a property catches it. The option may be
                   repeated.
  --mutants        Do the same for every mutant, one after the other.
  --help           Print this text.

To run one seed again, give the seed and the other options of the first test:
  npm run chaos -- --seed 1234 --seconds 60

Mutants:
${mutants.map(({ name, description }) => `  ${name}: ${description}`).join('\n')}
`

const parseInteger = (name: string, text: string | undefined, fallback: number, min: number): number => {
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < min) throw new Error(`--${name} must be an integer of at least ${min}`)
  return value
}

const parseWorkers = (text: string | undefined): number => {
  const workers = parseInteger('workers', text, 1, 1)
  if (workers > MAX_WORKERS) throw new Error(`--workers must be at most ${MAX_WORKERS}`)
  return workers
}

function findMutant(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined)
    throw new Error(`no mutant has the name ${name}; the mutants are ${mutants.map((each) => each.name).join(', ')}`)
  return mutant
}

/**
 * Parses the command line. An option that is not given is read from the environment.
 * @throws an Error whose message is written for the operator
 */
export function readOptions(args: readonly string[], env: Readonly<Record<string, string | undefined>>): ChaosRequest {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      agents: { type: 'string' },
      workers: { type: 'string' },
      mutant: { type: 'string', multiple: true },
      mutants: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const selected = values.mutants ? mutants : (values.mutant ?? []).map(findMutant)
  return {
    seconds: parseInteger('seconds', values.seconds ?? env['CHAOS_SECONDS'], selected.length > 0 ? MUTANT_SECONDS : DEFAULT_SECONDS, 1),
    seed: parseInteger('seed', values.seed ?? env['CHAOS_SEED'], randomInt(2 ** 31), 0),
    agents: parseInteger('agents', values.agents ?? env['CHAOS_AGENTS'], DEFAULT_AGENTS, MIN_AGENTS),
    workers: parseWorkers(values.workers ?? env['CHAOS_WORKERS']),
    mutants: selected,
    help: values.help,
  }
}
