import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'

/** One executed command, as the command itself recorded it. */
export interface Execution {
  readonly runId: string
  /** Start time, in milliseconds of the wall clock. */
  readonly at: number
  readonly issueId: string | null
  readonly token: string
}

/** The file to which every command appends one line. The append of a line is atomic. */
export interface ExecutionLog {
  readonly file: string
  /** Every execution read so far. */
  readonly executions: readonly Execution[]
  /** Reads and returns the executions appended since the last call. */
  read(): readonly Execution[]
  close(): void
}

const BLOCK_BYTES = 256 * 1024

/** Boot time of the machine, in milliseconds of the wall clock. */
function readBootTime(): number {
  const [uptime] = readFileSync('/proc/uptime', 'utf8').split(' ')
  return Date.now() - Number(uptime) * 1000
}

function parseLine(line: string, bootTime: number): Execution {
  const [runId = '', uptime = '', issueId = '', token = ''] = line.split(' ')
  return { runId, at: bootTime + Number(uptime) * 1000, issueId: issueId === '-' ? null : issueId, token }
}

/** Creates the empty file and opens it for reading. */
export function openExecutionLog(file: string): ExecutionLog {
  writeFileSync(file, '')
  const descriptor = openSync(file, 'r')
  const bootTime = readBootTime()
  const executions: Execution[] = []
  const block = Buffer.alloc(BLOCK_BYTES)
  let offset = 0
  let incompleteLine = ''
  return {
    file,
    executions,
    read() {
      const added: Execution[] = []
      for (
        let size = readSync(descriptor, block, 0, BLOCK_BYTES, offset);
        size > 0;
        size = readSync(descriptor, block, 0, BLOCK_BYTES, offset)
      ) {
        offset += size
        const lines = `${incompleteLine}${block.toString('latin1', 0, size)}`.split('\n')
        incompleteLine = lines.pop() ?? ''
        added.push(...lines.map((line) => parseLine(line, bootTime)))
      }
      executions.push(...added)
      return added
    },
    close: () => closeSync(descriptor),
  }
}
