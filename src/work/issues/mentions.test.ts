import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findMentions, MAX_MENTION_TEXT, readMentionText } from './mentions.ts'
import type { Mentionable } from './mentions.ts'

const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const agentNamed = (name: string, number: number): Mentionable => ({
  id: idOf(number),
  name,
  urlKey: name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
})
const agents = ['Dev', 'QA Engineer', 'Uno', 'Duo', 'Ann', 'Ann Lee', '李', '李明', 'Zoë'].map(agentNamed)
const mentionedIn = (text: string): string[] =>
  findMentions(readMentionText(text), agents).map((id) => agents.find((agent) => agent.id === id)?.name ?? id)
const duo = agents.find(({ name }) => name === 'Duo')?.id ?? ''

describe('A mention by link: the id decides (K4)', () => {
  test.each([
    ['a label that names another agent', `[@Uno](agent://${duo}) look`],
    ['a label that names no agent', `[you](agent://${duo})`],
    ['a link with the icon that a client adds', `[@Uno](agent://${duo}?i=bot)`],
    ['an id in capitals', `[@Uno](AGENT://${duo.toUpperCase()})`],
    ['a link without a label', `<agent://${duo}>`],
    ['a link by reference', `[@Uno][1] look\n\n[1]: agent://${duo}`],
    ['a label with emphasis', `[**@Uno**](agent://${duo})`],
  ])('The agent of the id is mentioned, and no other, with %s', (_, text) => {
    expect(mentionedIn(text)).toEqual(['Duo'])
  })

  test('A link to an agent that the company does not have mentions no agent, whatever its label says', () => {
    expect(mentionedIn(`[@Uno](agent://${idOf(999)})`)).toEqual([])
    expect(mentionedIn('[@Uno](agent://nonsense)')).toEqual([])
  })

  test('The id of a link to an agent decides, whatever its label says', () => {
    fc.assert(
      fc.property(fc.constantFrom(...agents), fc.constantFrom(...agents), fc.constantFrom('', ' ', ' and '), (labelled, named, space) => {
        expect(mentionedIn(`Hello${space} [@${labelled.name}](agent://${named.id}).`)).toEqual([named.name])
      }),
    )
  })
})

describe('Names are compared by their skeletons (K23)', () => {
  test.each(['@D\u200bev', '@Ｄｅｖ hi', '@dev\u2060!', 'hi @\u200fDev', '@Dev\ufe0f'])('The agent that %j shows is mentioned', (text) => {
    expect(mentionedIn(text)).toEqual(['Dev'])
  })

  test('An agent whose own name has hidden characters is mentioned by what is seen of it', () => {
    const hidden = agentNamed('Gr\u200bace', 100)
    expect(findMentions(readMentionText('@Grace look'), [...agents, hidden])).toEqual([hidden.id])
  })

  test('Agents whose names differ in one letter outside a-z are two', () => {
    const others = ['Ünal', 'Önal'].map((name, index) => ({ ...agentNamed(name, 200 + index), urlKey: index === 0 ? 'nal' : 'nal-2' }))
    expect(findMentions(readMentionText('@Önal look'), others)).toEqual([others[1]?.id])
    expect(findMentions(readMentionText('@nal-2 look'), others)).toEqual([others[1]?.id])
  })
})

describe('Words that are no mention start no run (K5)', () => {
  test.each([
    'mail joe@dev.example.org',
    'git clone git@dev:repo',
    'run `npm i @Dev` first',
    '```\n@Dev\n```',
    '~~~ts\n@Dev\n',
    'text\n\n    @Dev indented',
    '@dev/tools',
    '@Dev-ops hi',
    '@Developer',
    '@dev.example.org',
    'https://example.org/@Dev',
    '\\@Dev',
    '<code>@Dev</code> inline',
    '<pre>\n@Dev\n</pre>',
    '<!-- @Dev -->',
    '![@Dev](picture.png)',
    '[a link](https://example.org/ "@Dev")',
    '@@Dev',
    'x_@Dev',
    'é@Dev',
    '𝒳@Dev',
  ])('No agent is mentioned in %j', (text) => {
    expect(mentionedIn(text)).toEqual([])
  })

  test.each<[string, string[]]>([
    ['@Dev look', ['Dev']],
    ['look, @dev.', ['Dev']],
    ['(@Dev)', ['Dev']],
    ['**@Dev**: look', ['Dev']],
    ['> @Dev said', ['Dev']],
    ['- @Dev\n- @Uno', ['Dev', 'Uno']],
    ['@qa-engineer', ['QA Engineer']],
    ['@QA Engineer', ['QA Engineer']],
    ['@QA\nEngineer', ['QA Engineer']],
    ['@Ann Lee and @Ann', ['Ann Lee', 'Ann']],
    ['@Ann Leeds', ['Ann']],
    ['你好@Dev看', ['Dev']],
    ['@李明 看', ['李明']],
    ['@Zoe\u0308', ['Zoë']],
    ['<div>\n@Dev\n</div>', ['Dev']],
    ['`@Uno` and @Dev', ['Dev']],
    ['[@Dev](https://example.org) look', ['Dev']],
    ["@Dev's work", ['Dev']],
  ])('In %j the mentioned agents are %j', (text, names) => {
    expect(mentionedIn(text)).toEqual(names)
  })

  test('No code mentions an agent, whatever stands around it', () => {
    const codes = ['`@NAME`', '``x @NAME``', '\n```\n@NAME\n```\n', '\n~~~\nhi @NAME\n~~~\n', '<code>@NAME</code>', '\n\n    @NAME\n']
    const words = fc.constantFrom('see', 'run *this*', '## head', 'one', 'a@b.org', '')
    fc.assert(
      fc.property(words, fc.constantFrom(...codes), fc.constantFrom(...agents), words, (before, code, { name }, after) => {
        expect(mentionedIn(`${before} ${code.replace('NAME', name)} ${after}`)).toEqual([])
      }),
    )
  })

  test('Only the beginning of a text is searched, so no text keeps the event loop', () => {
    const long = 'words '.repeat(MAX_MENTION_TEXT)
    expect(mentionedIn(`@Dev ${long}`)).toEqual(['Dev'])
    expect(mentionedIn(`${long} @Dev`)).toEqual([])
  })
})
