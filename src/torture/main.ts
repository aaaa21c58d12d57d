import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { laws } from './laws.ts'
import type { Finding } from './laws.ts'
import { original, plant } from './mutants.ts'
import type { Mutant } from './mutants.ts'
import { readOptions } from './options.ts'
import type { Options, Request } from './options.ts'
import { torment } from './torment.ts'
import type { Report } from './torment.ts'

// Three servers on one Postgres, everything at once, and blows. See doc/decisions/0022-torture.md.

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const isBroken = ({ count }: Finding): boolean => count > 0

function tell({ findings, figures, elapsedSeconds }: Report): void {
  say('')
  for (const [name, figure] of Object.entries(figures)) say(`${name.padEnd(32)} ${figure}`)
  say('')
  for (const { law, seen, faults, count } of findings) {
    say(`${count === 0 ? 'ok    ' : 'BROKEN'} ${laws[law]}${seen === '' ? '' : `: ${seen}`}`)
    for (const fault of faults) say(`         ${fault}`)
    if (count > faults.length) say(`         and ${count - faults.length} more`)
  }
  say(`\n${elapsedSeconds.toFixed(0)} s in all`)
}

/** Tortures the program as it is. @returns whether everything held */
async function tortureOriginal(options: Options): Promise<boolean> {
  const report = await torment({ ...options, program: original, untilBroken: false, say })
  tell(report)
  return !report.findings.some(isBroken)
}

/** Tortures a copy with a fault. @returns whether it was caught by one of those that are there for it */
async function tortureMutant(mutant: Mutant, options: Options): Promise<boolean> {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-mutant-'))
  try {
    say(`\n${mutant.name}: ${mutant.what}`)
    const report = await torment({ ...options, program: plant(mutant, path.join(folder, 'program')), untilBroken: true, say })
    const broken = report.findings.filter(isBroken)
    tell({ ...report, findings: broken })
    const isCaught = broken.some(({ law }) => mutant.caughtBy.includes(law))
    say(
      `${isCaught ? 'caught' : 'NOT CAUGHT'}: ${mutant.name}${broken.length === 0 ? '' : `, by ${broken.map(({ law }) => law).join(', ')}`}`,
    )
    return isCaught
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

function optionsOrExit(): Request {
  try {
    return readOptions(process.argv.slice(2), process.env)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(2)
  }
}

const { mutants, ...options } = optionsOrExit()
say(`seed ${options.seed}, ${options.seconds} s, ${options.agents} agents`)
let isGood = true
if (mutants.length === 0) isGood = await tortureOriginal(options)
for (const mutant of mutants) isGood = (await tortureMutant(mutant, options)) && isGood
process.exit(isGood ? 0 : 1)
