import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { findProblem } from './expected.ts'
import type { Expected } from './expected.ts'
import type { Report } from './report.ts'

export interface ExpectedResult extends Expected {
  /** The command fails, and says this. */
  readonly refused?: string
  /** The command prints this, for people: one thing after the other. */
  readonly prints?: string | readonly string[]
  /** The exit code of a command that prints something; 0 unless it is to say that what it did has failed. */
  readonly exitCode?: number
  /** Hears what the command has printed so far, whenever that has become more. */
  readonly onOutput?: (out: string) => void
}

interface CommandExit {
  readonly code: unknown
  readonly out: string
  readonly err: string
}

/** The first of the parts that does not follow the one before it in a text, or null. */
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
    return missing === null ? null : `${JSON.stringify(missing)} is not in its place in ${out}`
  }
  try {
    return findProblem(JSON.parse(out), expected)
  } catch {
    return `prints no JSON: ${out}`
  }
}

/** Runs the command line once and judges what it does. @returns what it answered, where that is JSON */
export type Command = (args: readonly string[], expectedResult: ExpectedResult) => Promise<unknown>

/** The command line as an operator with a shell has it; `key` makes it speak for an agent. */
export function createCommand(file: string, home: string, apiBase: string, report: Report, key?: string): Command {
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
    const [[code], err] = await Promise.all([once(child, 'close'), text(child.stderr)])
    const who = key === undefined ? 'board' : 'agent'
    report.record(
      `${who}: ${args.join(' ')}${isFailing ? ' (refused)' : ''}`,
      checkResult({ code: code as unknown, out, err }, expectedResult),
    )
    return isFailing || expectedResult.prints !== undefined ? null : (JSON.parse(out || 'null') as unknown)
  }
}
