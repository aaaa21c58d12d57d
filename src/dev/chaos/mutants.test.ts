import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { properties } from './properties.ts'
import { mutants, programRoot } from './mutants.ts'

describe('the faults that the torture plants', () => {
  test.each(mutants.flatMap(({ name, edits }) => edits.map((edit) => [name, edit] as const)))(
    '%s still fits the program: each text to be replaced is there exactly once',
    (_, { file, find, replace }) => {
      expect(readFileSync(path.join(programRoot, file), 'utf8').split(find)).toHaveLength(2)
      expect(replace).not.toBe(find)
    },
  )

  test('are each caught by a law there is', () => {
    for (const { caughtBy } of mutants) {
      expect(caughtBy.length).toBeGreaterThan(0)
      for (const property of caughtBy) expect(Object.keys(properties)).toContain(property)
    }
  })
})
