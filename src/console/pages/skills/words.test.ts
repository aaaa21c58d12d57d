import { describe, expect, test } from 'vitest'
import { skillSources } from '../../../model/skills.ts'
import { filesOf, firstFile, repeatedPath, sizeWords, sourceWords, trustOf } from './words.ts'

describe('the words about skills', () => {
  test('Every source and every content of a skill has words, and programs are marked', () => {
    for (const source of skillSources) expect(sourceWords[source]).toMatch(/^\w/)
    expect(trustOf({ trustLevel: 'markdown_only' }).tone).toBe('good')
    expect(trustOf({ trustLevel: 'scripts_executables' })).toEqual({ words: 'has programs', tone: 'warn' })
    expect([sizeWords(12), sizeWords(2048)]).toEqual(['12 bytes', '2 KiB'])
  })

  test('The files of an import are named by their paths, and a path that stands twice is found', () => {
    const files = [
      { ...firstFile, content: '# A' },
      { path: ' notes.md ', content: 'b' },
    ]
    expect(filesOf(files)).toEqual({ 'SKILL.md': '# A', 'notes.md': 'b' })
    expect(repeatedPath(files)).toBeNull()
    expect(repeatedPath([...files, { path: 'notes.md', content: 'c' }])).toBe('notes.md')
  })
})
