import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { properties } from './properties.ts'
import type { Finding } from './properties.ts'
import { programRoot, applyMutant } from './mutants.ts'
import type { Mutant } from './mutants.ts'
import { helpText, readOptions } from './options.ts'
import type { Options, ChaosRequest } from './options.ts'
import { runChaosTest } from './chaosTest.ts'
import type { Report } from './chaosTest.ts'

// Runs the chaos test: servers on one Postgres under load, with faults injected, and a check of every property.
// Decision 0014 in doc/decisions explains it; `npm run chaos -- --help` prints the options.

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const isViolated = ({ count }: Finding): boolean => count > 0

function printReport({ findings, figures, elapsedSeconds }: Report): void {
  print('')
  for (const [name, figure] of Object.entries(figures)) print(`${name.padEnd(32)} ${figure}`)
  print('')
  for (const { property, coverage, violations, count } of findings) {
    print(`${count === 0 ? 'ok      ' : 'VIOLATED'} ${properties[property]}${coverage === '' ? '' : `: ${coverage}`}`)
    for (const violation of violations) print(`           ${violation}`)
    if (count > violations.length) print(`           and ${count - violations.length} more`)
  }
  print(`\n${elapsedSeconds.toFixed(0)} s in total`)
}

/** Tests the unchanged program. @returns whether every property holds */
async function testOriginal(options: Options): Promise<boolean> {
  const report = await runChaosTest({ ...options, program: programRoot, stopOnViolation: false, log: print })
  printReport(report)
  return !report.findings.some(isViolated)
}

/** Tests a copy of the program with a planted bug. @returns whether a property that the mutant names is violated */
async function testMutant(mutant: Mutant, options: Options): Promise<boolean> {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-mutant-'))
  try {
    print(`\n${mutant.name}: ${mutant.description}`)
    const program = applyMutant(mutant, path.join(folder, 'program'))
    // The copy has no build, and the first server of a chaos test has no time for one.
    execFileSync(process.execPath, ['src/launch/prepare.js'], { cwd: program, stdio: 'pipe' })
    const report = await runChaosTest({
      ...options,
      program,
      stopOnViolation: true,
      log: print,
    })
    const violated = report.findings.filter(isViolated)
    printReport({ ...report, findings: violated })
    const isCaught = violated.some(({ property }) => mutant.caughtBy.includes(property))
    print(
      `${isCaught ? 'caught' : 'NOT CAUGHT'}: ${mutant.name}${violated.length === 0 ? '' : `, by ${violated.map(({ property }) => property).join(', ')}`}`,
    )
    return isCaught
  } catch (error) {
    print(`FAILED: ${mutant.name}: ${error instanceof Error ? error.message : String(error)}`)
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

function parseOptionsOrExit(): ChaosRequest {
  try {
    return readOptions(process.argv.slice(2), process.env)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(2)
  }
}

const { mutants, help, ...options } = parseOptionsOrExit()
if (help) {
  process.stdout.write(helpText)
  process.exit(0)
}
print(`seed ${options.seed}, ${options.seconds} s, ${options.agents} agents${options.workers === 1 ? '' : `, ${options.workers} workers`}`)
let hasPassed = true
if (mutants.length === 0) hasPassed = await testOriginal(options)
for (const mutant of mutants) hasPassed = (await testMutant(mutant, options)) && hasPassed
process.exit(hasPassed ? 0 : 1)
