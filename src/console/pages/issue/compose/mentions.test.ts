import { describe, expect, test } from 'vitest'
import { askedAt, completed, fitting, mentionOf } from './mentions.ts'

const agent = (id: string, name: string, urlKey = name.toLowerCase().replaceAll(' ', '-')) => ({ id, name, urlKey })
const agents = [agent('1', 'Ada'), agent('2', 'Linus Two'), agent('3', 'Adam'), agent('4', 'Grace'), agent('5', 'Grace')]

describe('the completion of @', () => {
  test.each([
    ['@ad', 3, { at: 0, letters: 'ad' }],
    ['Ask @', 5, { at: 4, letters: '' }],
    ['Ask @ad, please', 7, { at: 4, letters: 'ad' }],
    ['ann@example', 11, null],
    ['Ask @ad, please', 15, null],
    ['no sign', 7, null],
  ])('In %j with the caret at %i it asks for %j', (text, caret, expected) => {
    expect(askedAt(text, caret)).toEqual(expected)
  })

  test('Agents whose name begins with the letters come before those in whose name they are', () => {
    expect(fitting(agents, 'ad').map(({ name }) => name)).toEqual(['Ada', 'Adam'])
    expect(fitting(agents, 'two').map(({ name }) => name)).toEqual(['Linus Two'])
    expect(fitting(agents, '')).toHaveLength(5)
  })

  test('A name of one word is mentioned as such; one of several words, or of two agents, by a link with the id', () => {
    expect(mentionOf(agent('1', 'Ada'), agents)).toBe('@Ada')
    expect(mentionOf(agent('2', 'Linus Two'), agents)).toBe('[@Linus Two](agent://2)')
    expect(mentionOf(agent('5', 'Grace'), agents)).toBe('[@Grace](agent://5)')
    expect(mentionOf(agent('6', 'x](javascript:'), agents)).toBe('[@x (javascript:](agent://6)')
  })

  test('The mention stands in the place of the letters, and the caret after it', () => {
    expect(completed('Ask @ad, please', { at: 4, letters: 'ad' }, '@Ada')).toEqual({ text: 'Ask @Ada , please', caret: 9 })
    expect(completed('Ask @ad now', { at: 4, letters: 'ad' }, '@Ada')).toEqual({ text: 'Ask @Ada now', caret: 9 })
  })
})
