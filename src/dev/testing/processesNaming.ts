import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { postgresProcessesUnder } from './serverProcess.ts'

/** The living processes that work below a folder, or name it in their command line. */
export function processesNaming(folder: string): number[] {
  const naming = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // A process that has ended and was not waited for has no program.
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder) && readlinkSync(`/proc/${pid}/exe`) !== ''
      } catch {
        return false
      }
    })
  return [...new Set([...naming, ...postgresProcessesUnder(folder)])]
}
