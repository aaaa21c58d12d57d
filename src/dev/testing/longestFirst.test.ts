import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { longestFiles } from './longestFirst.ts'

test('Every file that is to begin early exists, once', () => {
  const missing = longestFiles.filter((name) => !existsSync(path.resolve(import.meta.dirname, '../..', `${name}.test.ts`)))
  expect(missing).toEqual([])
  expect(new Set(longestFiles).size).toBe(longestFiles.length)
})
