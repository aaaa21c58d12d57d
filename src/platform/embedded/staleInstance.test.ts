import { expect, test } from 'vitest'
import type { ProcessInfo } from './staleInstance.ts'
import { classifyInstance, inspectProcess, parseLockFile } from './staleInstance.ts'

const ready = { pid: 77, status: 'ready' }
const postmaster: ProcessInfo = { isZombie: false, isPostmaster: true, parentPid: 7, ownerPid: 7 }

test.for([
  ['An empty or incomplete lock file', null, null, 'unfinished'],
  ['A lock file of a process that does not exist', ready, null, 'gone'],
  ['A lock file whose pid belongs to another program', ready, { ...postmaster, isPostmaster: false }, 'stranger'],
  [
    'A lock file whose pid belongs to a zombie of another program',
    ready,
    { ...postmaster, isPostmaster: false, isZombie: true },
    'stranger',
  ],
  ['A postmaster that has exited and was not collected', ready, { ...postmaster, isZombie: true }, 'zombie'],
  ['A postmaster that shuts down', { pid: 77, status: 'stopping' }, postmaster, 'stopping'],
  ['A postmaster whose owner has ended', ready, { ...postmaster, parentPid: 1 }, 'orphan'],
  ['A postmaster that starts up under a running owner', { pid: 77, status: 'starting' }, postmaster, 'live'],
  ['A postmaster that serves its running owner', ready, postmaster, 'live'],
  ['A postmaster that a person started by hand, whatever its parent', ready, { ...postmaster, parentPid: 1, ownerPid: null }, 'live'],
] as const)('%s is classified by its lock file and its process', ([, file, processInfo, state]) => {
  expect(classifyInstance(file, processInfo)).toBe(state)
})

test('The lock file is parsed by its first and eighth line, and a single-user Postgres gets its positive pid', () => {
  expect(parseLockFile('77\n/data\n1700000000\n5432\n/socket\n\n  1 2\nready   \n')).toEqual(ready)
  expect(parseLockFile('-77\n/data\n')).toEqual({ pid: 77, status: '' })
  expect([parseLockFile(''), parseLockFile('garbage\n'), parseLockFile('0\n')]).toEqual([null, null, null])
})

test('A process that is not a Postgres is inspected as such, and a process that does not exist gives null', async () => {
  expect(await inspectProcess(process.pid, '/')).toMatchObject({ isZombie: false, isPostmaster: false, parentPid: process.ppid })
  // Above the largest pid of Linux.
  expect(await inspectProcess(2 ** 22 + 1, '/')).toBeNull()
})
