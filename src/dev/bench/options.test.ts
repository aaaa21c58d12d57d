import { describe, expect, test } from 'vitest'
import { cacheFolder } from './cacheFolder.ts'
import { helpText, readOptions } from './options.ts'
import { workFolder } from '../testing/workFolder.ts'
import path from 'node:path'

describe('the options of the bench', () => {
  test('Without an option the floor is measured, and each measurement has its defaults', () => {
    expect(readOptions([])).toEqual({ kind: 'floor' })
    expect(readOptions(['--peer'])).toEqual({ kind: 'peer', turns: 3, seconds: 3, only: '' })
    expect(readOptions(['--growth'])).toEqual({ kind: 'growth', issues: 1_000_000, repeats: 15, only: '', replant: false })
    expect(readOptions(['--cpu', '../old'])).toEqual({ kind: 'cpu', oldCheckout: '../old' })
    expect(readOptions(['--unread'])).toEqual({ kind: 'unread' })
    expect(readOptions(['--costs'])).toEqual({ kind: 'costs' })
  })

  test('The quick form of the comparison with the peer is one short turn', () => {
    expect(readOptions(['--peer', '--turns', '1', '--seconds', '0.5', '--only', 'list'])).toEqual({
      kind: 'peer',
      turns: 1,
      seconds: 0.5,
      only: 'list',
    })
  })

  test.each([
    [['--turns', '0', '--peer'], '--turns must be a whole number above 0'],
    [['--peer', '--turns', '1.5'], '--turns must be a whole number above 0'],
    [['--peer', '--seconds', 'a'], '--seconds must be a number above 0'],
    [['--growth', '--issues=-1'], '--issues must be a whole number above 0'],
    [['--peer', '--growth'], '--peer and --growth are different measurements: choose one'],
  ])('The options %j are refused with a sentence', (args, message) => {
    expect(() => readOptions(args)).toThrow(message)
  })

  test('The help names every option', () => {
    for (const name of [
      'peer',
      'growth',
      'cpu',
      'connections',
      'costs',
      'unread',
      'turns',
      'seconds',
      'issues',
      'repeats',
      'replant',
      'only',
    ])
      expect(helpText).toContain(`--${name}`)
  })

  test('The folder for installed and planted things is outside the project, and an environment variable moves it', () => {
    const folder = path.join(workFolder, 'cache-of-the-bench')
    expect(cacheFolder({ BENCH_CACHE: folder })).toBe(folder)
  })
})
