import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { processIdentity } from '../adapters/index.ts'
import type { ServerIdentity } from '../engine/runs/index.ts'

function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim()
  } catch {
    return hostname()
  }
}

/**
 * Names what this process can see and signal processes of: this machine, this boot of it, this pid namespace. A hash,
 * because a machine's id is nobody else's business.
 */
const hostKey = (): string =>
  createHash('sha256')
    .update(`${machineId()} ${processIdentity(process.pid).host ?? ''}`)
    .digest('hex')

/** This process as a supervisor of runs; every start of a server is another one. */
export const serverIdentity = (): ServerIdentity => ({ id: randomUUID(), hostKey: hostKey(), pid: process.pid })
