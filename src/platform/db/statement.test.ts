import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { bareArray, dynamicRead } from './statement.ts'

test('Odd combinations of conditions get names for a while, and take none from the shapes that are planned once', () => {
  const shapeOf = dynamicRead('example')
  const odd = Array.from({ length: 40 }, (_, index) => shapeOf(`odd ${index}`, () => sql`select 1`).name)
  expect(odd.slice(0, 32)).toEqual(Array.from({ length: 32 }, (_, index) => `example_${index}`))
  expect(odd.slice(32)).toEqual(Array.from({ length: 8 }, () => undefined))
  expect(shapeOf('usual', () => sql`select 2`, 'once').name).toBe('example_once_0')
  expect(shapeOf('usual', () => sql`select 2`, 'once').name).toBe('example_once_0')
})

test('An array of values without quotes has null where a value is missing, and may be empty', () => {
  expect(bareArray(['5f0c', null, 7, -1])).toBe('{5f0c,NULL,7,-1}')
  expect(bareArray([])).toBe('{}')
})
