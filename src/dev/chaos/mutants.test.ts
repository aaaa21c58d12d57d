import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { properties } from './properties.ts'
import { mutants, programRoot } from './mutants.ts'

describe('the mutants of the chaos test', () => {
  test.each(mutants.flatMap(({ name, edits }) => edits.map((edit) => [name, edit] as const)))(
    'The mutant %s fits the program: its file contains the text to replace exactly once',
    (_, { file, find, replace }) => {
      expect(readFileSync(path.join(programRoot, file), 'utf8').split(find)).toHaveLength(2)
      expect(replace).not.toBe(find)
    },
  )

  test('Every mutant names at least one existing property that catches it', () => {
    for (const { caughtBy } of mutants) {
      expect(caughtBy.length).toBeGreaterThan(0)
      for (const property of caughtBy) expect(Object.keys(properties)).toContain(property)
    }
  })
})
