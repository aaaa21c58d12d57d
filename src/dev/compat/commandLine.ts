import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { findProblem } from './expected.ts'
import type { Expected } from './expected.ts'
import type { Report } from './report.ts'

export interface ExpectedResult extends Expected {
  /** The command fails with this text in its error output. */
  readonly refused?: string
  /** The command prints these texts, in this order, in its output for people. */
  readonly prints?: string | readonly string[]
  /** The exit code of a command that prints for people. The default is 0. */
  readonly exitCode?: number
  /** Receives the complete output so far, at each new chunk. */
  readonly onOutput?: (out: string) => void
  /** Receives the complete error output so far, at each new chunk. */
  readonly onErrorOutput?: (err: string) => void
}

interface CommandExit {
  readonly code: unknown
  readonly out: string
  readonly err: string
}

/** The first part that does not occur after the part before it, or null. */
function missingPart(out: string, parts: readonly string[]): string | null {
  let at = 0
  for (const part of parts) {
    const found = out.indexOf(part, at)
    if (found < 0) return part
    at = found + part.length
  }
  return null
}

function checkResult({ code, out, err }: CommandExit, { refused, prints, exitCode = 0, ...expected }: ExpectedResult): string | null {
  if (refused !== undefined) return code === 1 && err.includes(refused) ? null : `exit ${String(code)}: ${err}${out}`
  if (code !== exitCode) return `exit ${String(code)}: ${err}${out}`
  if (prints !== undefined) {
    const missing = missingPart(out, [prints].flat())
    return missing === null ? null : `${JSON.stringify(missing)} is missing or out of order in ${out}`
  }
  try {
    return findProblem(JSON.parse(out), expected)
  } catch {
    return `prints no JSON: ${out}`
  }
}

/** Runs the command line once and records whether its result is as expected. @returns its JSON output, null where it prints no JSON */
export type Command = (args: readonly string[], expectedResult: ExpectedResult) => Promise<unknown>

interface CommandOptions {
  /** The executable of the command line. */
  readonly file: string
  readonly home: string
  readonly apiBase: string
  readonly report: Report
  /** An agent's API key. Without it, the command line runs as the local board. */
  readonly key: string | undefined
}

/** Returns a function that runs the command line in a process with a minimal environment. */
export function createCommand({ file, home, apiBase, report, key }: CommandOptions): Command {
  return async (args, expectedResult) => {
    const isFailing = expectedResult.refused !== undefined
    const flags = [
      '--api-base',
      apiBase,
      ...(key === undefined ? [] : ['--api-key', key]),
      ...(expectedResult.prints === undefined ? ['--json'] : []),
    ]
    const child = spawn(file, [...args, ...flags], {
      cwd: home,
      env: { PATH: process.env['PATH'], HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
      expectedResult.onOutput?.(out)
    })
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk
      expectedResult.onErrorOutput?.(err)
    })
    const [code] = await once(child, 'close')
    const actor = key === undefined ? 'board' : 'agent'
    report.record(
      `${actor}: ${args.join(' ')}${isFailing ? ' (refused)' : ''}`,
      checkResult({ code: code as unknown, out, err }, expectedResult),
    )
    return isFailing || expectedResult.prints !== undefined ? null : (JSON.parse(out || 'null') as unknown)
  }
}
