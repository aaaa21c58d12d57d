import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'

/** A command that was executed, as it has said itself. */
export interface Executed {
  readonly runId: string
  /** When it began, in milliseconds of the wall clock. */
  readonly at: number
  readonly issueId: string | null
  readonly token: string
}

/** The file into which every command writes one line; a line is appended whole. */
export interface Ledger {
  readonly file: string
  /** Everything that was executed so far. */
  readonly executed: readonly Executed[]
  /** Reads what has come since the last time. */
  read(): readonly Executed[]
  close(): void
}

const BLOCK_BYTES = 256 * 1024

/** The wall clock at the moment in which the machine's clock began. */
function bootedAt(): number {
  const [up] = readFileSync('/proc/uptime', 'utf8').split(' ')
  return Date.now() - Number(up) * 1000
}

function lineOf(line: string, origin: number): Executed {
  const [runId = '', up = '', issueId = '', token = ''] = line.split(' ')
  return { runId, at: origin + Number(up) * 1000, issueId: issueId === '-' ? null : issueId, token }
}

export function openLedger(file: string): Ledger {
  writeFileSync(file, '')
  const descriptor = openSync(file, 'r')
  const origin = bootedAt()
  const executed: Executed[] = []
  const block = Buffer.alloc(BLOCK_BYTES)
  let offset = 0
  let rest = ''
  return {
    file,
    executed,
    read() {
      const news: Executed[] = []
      for (
        let size = readSync(descriptor, block, 0, BLOCK_BYTES, offset);
        size > 0;
        size = readSync(descriptor, block, 0, BLOCK_BYTES, offset)
      ) {
        offset += size
        const lines = `${rest}${block.toString('latin1', 0, size)}`.split('\n')
        rest = lines.pop() ?? ''
        news.push(...lines.map((line) => lineOf(line, origin)))
      }
      executed.push(...news)
      return news
    },
    close: () => closeSync(descriptor),
  }
}
