import { describe, expect, test } from 'vitest'
import { nameOf } from './keyName.ts'
import type { Pressed } from './keyName.ts'
import { createSequence } from './sequence.ts'

const pressed = (key: string, more: Partial<Pressed> = {}): string | null =>
  nameOf({ key, code: '', shiftKey: false, ctrlKey: false, metaKey: false, ...more })

describe('the name of a key', () => {
  test('Letters, signs and named keys have the names that bindings use', () => {
    expect(['j', '?', '/', ' ', 'Enter', 'Escape', 'ArrowDown'].map((key) => pressed(key))).toEqual([
      'j',
      '?',
      '/',
      'space',
      'enter',
      'escape',
      'arrowdown',
    ])
    expect(pressed('X', { shiftKey: true })).toBe('X')
    expect(pressed('k', { ctrlKey: true })).toBe('mod+k')
    expect(pressed('K', { metaKey: true, shiftKey: true })).toBe('mod+k')
  })

  test('Caps Lock makes no capital letter, and a layout without Latin letters has the letters of its places', () => {
    expect(pressed('J', { code: 'KeyJ' })).toBe('j')
    expect(pressed('j', { code: 'KeyJ', shiftKey: true })).toBe('J')
    expect(pressed('л', { code: 'KeyK' })).toBe('k')
    expect(pressed('Л', { code: 'KeyK', shiftKey: true })).toBe('K')
    expect(pressed('л', { code: 'KeyK', ctrlKey: true })).toBe('mod+k')
    expect(pressed('é', { code: 'Digit2' })).toBe('é')
    expect(pressed('ö', { code: 'Semicolon' })).toBe('ö')
  })

  test('A key that only changes others has no name', () => {
    for (const key of ['Shift', 'Control', 'Alt', 'Meta', 'AltGraph', 'CapsLock', 'Dead']) expect(pressed(key)).toBeNull()
  })
})

describe('a sequence of keys', () => {
  const bindings = ['g l', 'g o', 'j', 'x', 'X', 'mod+k'].map((keys) => ({ keys }))
  const press = (keys: readonly (readonly [key: string, at: number])[]): (string | null)[] => {
    const sequence = createSequence<{ readonly keys: string }>()
    return keys.map(([key, at]) => sequence.next(key, at, bindings)?.keys ?? null)
  }

  test('Two keys in a second are one, and two that are further apart are not', () => {
    expect(
      press([
        ['g', 0],
        ['l', 1000],
      ]),
    ).toEqual([null, 'g l'])
    expect(
      press([
        ['g', 0],
        ['x', 1300],
      ]),
    ).toEqual([null, 'x'])
  })

  test('The second key of a sequence that does not exist does nothing, and the next one counts again', () => {
    expect(
      press([
        ['g', 0],
        ['x', 100],
        ['x', 200],
      ]),
    ).toEqual([null, null, 'x'])
  })

  test('A key that begins no sequence is not remembered', () => {
    expect(
      press([
        ['q', 0],
        ['j', 100],
        ['l', 200],
      ]),
    ).toEqual([null, 'j', null])
  })

  test('Of two bindings for a key the later one is run', () => {
    const sequence = createSequence<{ readonly keys: string; readonly of: string }>()
    const both = [
      { keys: 'a', of: 'frame' },
      { keys: 'a', of: 'page' },
    ]
    expect(sequence.next('a', 0, both)?.of).toBe('page')
  })
})
