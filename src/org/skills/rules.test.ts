import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { onThisMachine } from '../../dev/testing/slowness.ts'
import { draftsOf, fileKind, hashOfFiles, MAX_SKILL_FILE_BYTES, MAX_SKILL_FILES, slugOf, skillSlug, trustLevel } from './rules.ts'
import { describeSkill } from './skillText.ts'

const head = (name: string, description = 'Use it.') => `---\nname: ${name}\ndescription: ${description}\n---\n\nText.\n`

describe('draftsOf', () => {
  test('Each folder with a SKILL.md is a skill, with everything below it that belongs to none further down', () => {
    const { drafts, warnings } = draftsOf({
      'README.md': 'about',
      'skills/letters/SKILL.md': head('Letters'),
      'skills/letters/references/tone.md': 'kind',
      'skills/letters/inner/SKILL.md': head('Inner'),
      'skills/letters/inner/x.sh': 'echo',
    })
    expect(drafts.map(({ slug, name, files }) => [slug, name, Object.keys(files)])).toEqual([
      ['inner', 'Inner', ['SKILL.md', 'x.sh']],
      ['letters', 'Letters', ['SKILL.md', 'references/tone.md']],
    ])
    expect(warnings).toEqual(['1 file(s) belong to no folder with a SKILL.md and are ignored'])
  })

  test('Files without a folder are one skill, which has the name of its head', () => {
    const { drafts } = draftsOf({ 'SKILL.md': head('Answer Letters!'), 'a.txt': 'x' })
    expect(drafts).toMatchObject([
      { slug: 'answer-letters', name: 'Answer Letters!', description: 'Use it.', byteSize: 1 + Buffer.byteLength(head('Answer Letters!')) },
    ])
  })

  test.each([
    ['has no name', { 'SKILL.md': 'Just text' }, 'give it a name'],
    ['has the name of a skill of this server', { 'paperclip/SKILL.md': head('x') }, 'cannot be replaced'],
    ['has two files that differ in case alone', { 'x/SKILL.md': head('x'), 'x/a.md': '', 'x/A.md': '' }, 'cannot stand in one folder'],
    ['has a file that is too long', { 'x/SKILL.md': 'x'.repeat(MAX_SKILL_FILE_BYTES + 1) }, 'is longer than'],
    ['has a file that is no text', { 'x/SKILL.md': 'a\0b' }, 'is no text'],
    [
      'has too many bytes',
      { 'x/SKILL.md': head('x'), ...Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`x/${n}.md`, 'x'.repeat(MAX_SKILL_FILE_BYTES)])) },
      'bytes',
    ],
    [
      'has too many files',
      { 'x/SKILL.md': head('x'), ...Object.fromEntries(Array.from({ length: MAX_SKILL_FILES }, (_, n) => [`x/${n}.md`, ''])) },
      `at most ${MAX_SKILL_FILES} files`,
    ],
    ['has a path that leaves its folder', { 'x/../../etc/SKILL.md': head('x') }, '`..`'],
  ])('A skill that %s is left out with a warning', (_, files, warning) => {
    const read = draftsOf(files)
    expect(read.drafts).toEqual([])
    expect(read.warnings.join('\n')).toContain(warning)
  })

  test('Two folders of one name are one skill and a warning', () => {
    const { drafts, warnings } = draftsOf({ 'a/x/SKILL.md': head('one'), 'b/x/SKILL.md': head('two') })
    expect(drafts).toHaveLength(1)
    expect(warnings[0]).toContain('another skill of the import has the name x')
  })

  test('Every draft has a slug and paths that can be stored, whatever was sent', () => {
    const name = fc.oneof(fc.constantFrom('a', 'SKILL.md', '..', 'x/SKILL.md', 'y', '__proto__', 'con'), fc.string({ maxLength: 8 }))
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
    fc.assert(
      fc.property(fc.dictionary(path, fc.string({ maxLength: 40 }), { maxKeys: 8 }), (files) => {
        for (const { slug, files: kept } of draftsOf(files).drafts) {
          expect(slug).toMatch(skillSlug)
          for (const each of Object.keys(kept)) expect(each).not.toMatch(/(?:^|\/)\.\.(?:\/|$)|^\/|\\/)
        }
      }),
    )
  })
})

describe('the parts of a skill', () => {
  test('The hash names paths and texts exactly', () => {
    expect(hashOfFiles({ a: 'bc' })).not.toBe(hashOfFiles({ ab: 'c' }))
    expect(hashOfFiles({ a: 'b' })).toBe(hashOfFiles({ a: 'b' }))
  })

  test('A skill with a program is shown as such', () => {
    expect(trustLevel(['SKILL.md'])).toBe('markdown_only')
    expect(trustLevel(['SKILL.md', 'logo.svg'])).toBe('assets')
    expect(trustLevel(['SKILL.md', 'scripts/run.sh', 'logo.svg'])).toBe('scripts_executables')
    expect(fileKind('SKILL.md')).toBe('skill')
  })

  test('A slug has letters, digits and hyphens, and no hyphen at an end', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (name) => {
        const slug = slugOf(name)
        if (slug !== '') expect(slug).toMatch(skillSlug)
      }),
    )
    expect(slugOf(`${'a'.repeat(63)}-b`)).toBe('a'.repeat(63))
  })
})

describe('describeSkill', () => {
  test.each([
    ['---\nname: x\ndescription: One line\n---\n', { name: 'x', description: 'One line' }],
    ["---\r\nname: \"x: y\"\r\ndescription: 'it''s'\r\n---\r\n", { name: 'x: y', description: "it's" }],
    ['---\nname: x\ndescription: >-\n  Two\n  lines\n---\n', { name: 'x', description: 'Two lines' }],
    ['---\nname: x # a comment\n---\n', { name: 'x', description: null }],
    ['\uFEFF---\nname: x\n---\n', { name: 'x', description: null }],
    ['name: x\n', { name: null, description: null }],
    ['---\nname: x\n', { name: null, description: null }],
    ['', { name: null, description: null }],
  ])('The head of %j is read', (text, expected) => {
    expect(describeSkill(text)).toEqual(expected)
  })

  test('A head of nothing but spaces costs linear time, however often it is read', () => {
    const startedAt = performance.now()
    for (const gap of [' '.repeat(60_000), '\t'.repeat(60_000), ' \u00a0'.repeat(30_000)])
      expect(describeSkill(`---\nname: x${gap}y\n---\n`).name).toBe('x y')
    expect(performance.now() - startedAt).toBeLessThan(onThisMachine(300))
  })
})
