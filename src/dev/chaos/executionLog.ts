import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'

/** A command that was executed, as it has said itself. */
export interface Execution {
  readonly runId: string
  /** When it began, in milliseconds of the wall clock. */
  readonly at: number
  readonly issueId: string | null
  readonly token: string
}

/** The file into which every command writes one line; a line is appended whole. */
export interface ExecutionLog {
  readonly file: string
  /** Everything that was executed so far. */
  readonly executions: readonly Execution[]
  /** Reads what has come since the last time. */
  read(): readonly Execution[]
  close(): void
}

const BLOCK_BYTES = 256 * 1024

/** The wall clock at the moment in which the machine's clock began. */
function readBootTime(): number {
  const [uptime] = readFileSync('/proc/uptime', 'utf8').split(' ')
  return Date.now() - Number(uptime) * 1000
}

function parseLine(line: string, origin: number): Execution {
  const [runId = '', uptime = '', issueId = '', token = ''] = line.split(' ')
  return { runId, at: origin + Number(uptime) * 1000, issueId: issueId === '-' ? null : issueId, token }
}

export function openExecutionLog(file: string): ExecutionLog {
  writeFileSync(file, '')
  const descriptor = openSync(file, 'r')
  const origin = readBootTime()
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
        added.push(...lines.map((line) => parseLine(line, origin)))
      }
      executions.push(...added)
      return added
    },
    close: () => closeSync(descriptor),
  }
}
