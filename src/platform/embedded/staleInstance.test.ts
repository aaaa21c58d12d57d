import { expect, test } from 'vitest'
import type { ProcessInfo } from './staleInstance.ts'
import { classifyInstance, inspectProcess, parseLockFile } from './staleInstance.ts'

const ready = { pid: 77, status: 'ready' }
const postmaster: ProcessInfo = { isZombie: false, isPostmaster: true, parentPid: 7, ownerPid: 7 }

test.for([
  ['an empty or torn lock file is still being written', null, null, 'unfinished'],
  ['no such process: it is gone', ready, null, 'gone'],
  ['the number belongs to another program now', ready, { ...postmaster, isPostmaster: false }, 'stranger'],
  ['another program that is a zombie is a stranger too', ready, { ...postmaster, isPostmaster: false, isZombie: true }, 'stranger'],
  ['a dead postmaster nobody has collected', ready, { ...postmaster, isZombie: true }, 'zombie'],
  ['one on its way out', { pid: 77, status: 'stopping' }, postmaster, 'stopping'],
  ['one whose owner has died', ready, { ...postmaster, parentPid: 1 }, 'orphan'],
  ['one that starts up under a living owner', { pid: 77, status: 'starting' }, postmaster, 'live'],
  ['one that serves its living owner', ready, postmaster, 'live'],
  ['one that a person started by hand is theirs, whoever its parent is', ready, { ...postmaster, parentPid: 1, ownerPid: null }, 'live'],
] as const)('%s', ([, file, processInfo, state]) => {
  expect(classifyInstance(file, processInfo)).toBe(state)
})

test('the lock file gives its first and eighth line; a single-user Postgres counts by its real number', () => {
  expect(parseLockFile('77\n/data\n1700000000\n5432\n/socket\n\n  1 2\nready   \n')).toEqual(ready)
  expect(parseLockFile('-77\n/data\n')).toEqual({ pid: 77, status: '' })
  expect([parseLockFile(''), parseLockFile('garbage\n'), parseLockFile('0\n')]).toEqual([null, null, null])
})

test('a process that is no Postgres is seen as such, and an absent one not at all', async () => {
  expect(await inspectProcess(process.pid, '/')).toMatchObject({ isZombie: false, isPostmaster: false, parentPid: process.ppid })
  // Above the largest number Linux gives out.
  expect(await inspectProcess(2 ** 22 + 1, '/')).toBeNull()
})
