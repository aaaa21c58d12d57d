// How a command ends: its reader leaves, its disk is full, a signal interrupts it.

import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { runCommandLine } from '../dev/testing/commandLine.ts'
import { command } from './command.ts'
import { EXIT, interruption, interruptedWith } from './problem.ts'
import { listenForSignals } from './signals.ts'

const options = z.object({})
const example = 'paperclip-server table'

const tableCommand = command({
  name: 'table',
  summary: 'Print a table',
  example,
  options,
  run: async () => await Promise.resolve({ data: [1, 2], text: 'ONE\nTWO', exit: EXIT.bad }),
})

const linesCommand = command({
  name: 'lines',
  summary: 'Print lines without an end',
  example,
  options,
  streams: 'lines',
  run: async (io) => {
    for (;;) await io.write('a line\n')
  },
})

const wholeCommand = command({
  name: 'whole',
  summary: 'Print what is worth nothing in part',
  example,
  options,
  streams: 'whole',
  run: async (io) => {
    await io.writeJson('{"head":1}\n')
    return {}
  },
})

const longCommand = command({
  name: 'long',
  summary: 'Work until an interrupt',
  example,
  options,
  run: async ({ signal }) =>
    await new Promise((_, reject) => {
      const end = (): void => reject(interruptedWith('three of five are done'))
      if (signal.aborted) end()
      else signal.addEventListener('abort', end)
    }),
})

const reportingCommand = command({
  name: 'reporting',
  summary: 'Report as far as it came',
  example,
  options,
  run: async () => await Promise.resolve({ data: { done: 3 }, text: 'three', left: 'two of five' }),
})

const commands = [tableCommand, linesCommand, wholeCommand, longCommand, reportingCommand]

describe('A reader that ends', () => {
  const run = async (...args: string[]) => await runCommandLine(args, { commands, outputFails: 'EPIPE' })

  test('It has seen enough of a table, and the exit code is that of the answer', async () => {
    expect(await run('table')).toEqual({ exit: 1, out: '', err: '' })
  })

  test('It has seen enough of lines, and the command ends with them', async () => {
    expect(await run('lines')).toEqual({ exit: 0, out: '', err: '' })
  })

  test('It has seen enough of a help', async () => {
    expect(await run('--help')).toEqual({ exit: 0, out: '', err: '' })
  })

  test.each([
    ['what is worth nothing in part', ['whole']],
    ['a JSON value', ['table', '--json']],
  ])('It is a failure where it has not taken %s to the end', async (_, args) => {
    const { exit, err } = await run(...args)
    expect(exit).toBe(1)
    expect(err).toContain('The output was not taken to its end: its reader ended')
  })

  test.each(['table', '--help'])('A disk that is full is a failure for %s, too', async (word) => {
    const { exit, err } = await runCommandLine([word], { commands, outputFails: 'ENOSPC' })
    expect(exit).toBe(1)
    expect(err).toContain('it cannot be written (ENOSPC)')
  })
})

describe('A command that a signal interrupts', () => {
  const run = async (signal: 'SIGINT' | 'SIGTERM', ...args: string[]) => {
    const ending = new AbortController()
    ending.abort(interruption(signal))
    return await runCommandLine(args, { commands, signal: ending.signal })
  }

  test('It says what is left, and its exit code names the signal', async () => {
    expect(await run('SIGTERM', 'long')).toEqual({ exit: 143, out: '', err: 'Interrupted by SIGTERM: three of five are done\n' })
    const { exit, out, err } = await run('SIGINT', 'long', '--json')
    expect({ exit, err }).toEqual({ exit: 130, err: '' })
    expect(JSON.parse(out)).toEqual({ error: { message: 'Interrupted by SIGINT: three of five are done', code: 'interrupted' } })
  })

  test('A report of what it did until then is printed, and remains one JSON value', async () => {
    expect(await run('SIGINT', 'reporting')).toEqual({ exit: 130, out: 'three\n', err: 'Interrupted by SIGINT: two of five\n' })
    const { exit, out } = await run('SIGINT', 'reporting', '--json')
    expect(exit).toBe(130)
    expect(JSON.parse(out)).toEqual({ done: 3 })
  })
})

describe('The signals of a process', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  function signalled() {
    const ended = { code: null as number | null, text: '' }
    const target = Object.assign(new EventEmitter(), {
      exit: (code: number) => void (ended.code = code),
      stderr: { write: (text: string) => (ended.text += text) },
    })
    const clock = { at: 0 }
    return { target, ended, clock, signal: listenForSignals(target, () => clock.at) }
  }

  test('The first one asks the command to end, and its echo by npm changes nothing', () => {
    const { target, ended, signal } = signalled()
    target.emit('SIGINT')
    target.emit('SIGINT')
    expect(signal.aborted).toBe(true)
    expect(ended.code).toBeNull()
  })

  test('A second one ends the process at once', () => {
    const { target, ended, clock } = signalled()
    target.emit('SIGINT')
    clock.at = 1500
    target.emit('SIGTERM')
    expect(ended).toEqual({ code: 143, text: 'Interrupted by SIGTERM again: ended in the middle\n' })
  })

  test('A command that does not end is ended', () => {
    const { target, ended } = signalled()
    target.emit('SIGTERM')
    vi.advanceTimersByTime(4999)
    expect(ended.code).toBeNull()
    vi.advanceTimersByTime(1)
    expect(ended.code).toBe(143)
    expect(ended.text).toContain('did not end within 5 s')
  })
})
