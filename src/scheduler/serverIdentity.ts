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
 * Identifies the set of processes that this process can see and signal: this machine, its current boot, this pid namespace.
 * It is a hash, because the id of a machine is confidential.
 */
const hostKey = (): string =>
  createHash('sha256')
    .update(`${machineId()} ${processIdentity(process.pid).host ?? ''}`)
    .digest('hex')

/** The identity of this process as a supervisor of runs. Every start of a server has a new id. */
export const serverIdentity = (): ServerIdentity => ({ id: randomUUID(), hostKey: hostKey(), pid: process.pid })
