import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../dev/testing/gitRepository.ts'
import { waitUntil } from '../../dev/testing/holds.ts'
import { AGENT } from '../isolation/testKit.ts'
import { fairTurns } from './fairTurns.ts'
import { runScript } from './gitProcess.ts'

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

describe('A script of git', () => {
  const run = (script: string, timeoutMs: number, ...args: string[]) =>
    runScript(null, { agentId: AGENT, repository: temporaryFolder(), tree: null, script, args, timeoutMs })

  test('One whose descendant keeps the pipe open ends with its time limit, and the descendant with it', async () => {
    const pidFile = path.join(temporaryFolder(), 'pid')
    const result = await run('sleep 600 & echo $! > "$1"; wait', 500, pidFile)
    expect(result).toMatchObject({ exitCode: null, complaint: expect.stringContaining('git took longer than') as string })
    const pid = Number(readFileSync(pidFile, 'utf8'))
    await waitUntil('the descendant has ended', () => Promise.resolve(!isAlive(pid)))
  })

  test('One that has ended while a descendant keeps the pipe open gives its slot back, and its output does not count', async () => {
    const pidFile = path.join(temporaryFolder(), 'pid')
    const result = await run('sleep 600 & echo $! > "$1"; echo done', 600_000, pidFile)
    expect(result).toMatchObject({ exitCode: null, complaint: 'A program that git started did not end with it' })
    expect(isAlive(Number(readFileSync(pidFile, 'utf8')))).toBe(false)
  })

  test('One whose descendant has left the group and keeps the pipe open does not hold its slot', async () => {
    const pidFile = path.join(temporaryFolder(), 'pid')
    const result = await run('setsid sh -c \'echo $$ > "$1"; exec sleep 600\' sh "$1" & wait', 500, pidFile)
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
    expect(result.exitCode).toBeNull()
  })
})

describe('Turns of companies', () => {
  test('A company with many works delays another one by what runs, and not by what waits', async () => {
    const turns = fairTurns({ atOnce: 2, perParty: 1 })
    const done: string[] = []
    const ends: (() => void)[] = []
    const work = (name: string) => async (): Promise<void> => {
      await new Promise<void>((resolve) => ends.push(resolve))
      done.push(name)
    }
    const all = [
      ...['a1', 'a2', 'a3', 'a4'].map((name) => turns.run('a', work(name))),
      turns.run('b', work('b1')),
      turns.run('c', work('c1')),
    ]
    expect([turns.waiting('a'), turns.waiting('b'), turns.waiting('c'), turns.waiting('d')]).toEqual([3, 0, 1, 0])
    while (done.length < all.length) {
      ends.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(all)
    expect(done).toEqual(['a1', 'b1', 'c1', 'a2', 'a3', 'a4'])
  })

  test('A work that fails gives its turn to the next', async () => {
    const turns = fairTurns({ atOnce: 1, perParty: 1 })
    const failed = turns.run('a', () => Promise.reject(new Error('no')))
    const next = turns.run('a', () => Promise.resolve('next'))
    await expect(failed).rejects.toThrow('no')
    expect(await next).toBe('next')
    expect(turns.waiting('a')).toBe(0)
  })
})
