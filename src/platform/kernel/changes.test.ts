import { describe, expect, test } from 'vitest'
import { changeDetails, changesOf } from './changes.ts'

const row = { name: 'Old', color: null, env: { A: 1 } }

describe('changesOf', () => {
  test('Only named fields that differ from the row are changes', () => {
    expect(changesOf(row, { name: 'New', color: null, env: { A: 1 }, status: undefined })).toEqual([['name', 'New']])
    expect(changesOf(row, { env: { A: 2 }, color: '#123456' })).toEqual([
      ['env', { A: 2 }],
      ['color', '#123456'],
    ])
    expect(changesOf(row, {})).toEqual([])
  })
})

describe('changeDetails', () => {
  test('The details have new values, names and previous values, and long texts are cut', () => {
    const details = changeDetails(row, [['name', 'x'.repeat(600)]])
    expect(details).toEqual({
      name: `${'x'.repeat(500)}… (600 characters)`,
      changedKeys: ['name'],
      _previous: { name: 'Old' },
    })
  })

  test('A function for the audit is applied to new and previous values', () => {
    const namesOnly = (_key: string, value: unknown) => Object.keys(value as object)
    expect(changeDetails(row, [['env', { B: 2 }]], namesOnly)).toEqual({
      env: ['B'],
      changedKeys: ['env'],
      _previous: { env: ['A'] },
    })
  })
})
