import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { yamlOf } from '../../dev/testing/yamlText.ts'
import { plain } from './coerce.ts'
import { renderFrontMatter, splitFrontMatter } from './frontMatter.ts'
import { createYamlBudget, readHead, readYaml } from './yaml.ts'

const read = async (text: string): Promise<unknown> => {
  const result = await readYaml(text, createYamlBudget())
  return result.problem === null ? plain(result.value) : result
}

/** One value written in each way that YAML has for it. */
const styles = [
  { collectionStyle: 'block' },
  { collectionStyle: 'flow' },
  { defaultStringType: 'QUOTE_SINGLE' },
  { defaultStringType: 'QUOTE_DOUBLE' },
  { defaultStringType: 'BLOCK_LITERAL' },
  { defaultStringType: 'BLOCK_FOLDED', lineWidth: 24 },
  { indent: 7, indentSeq: false },
] as const

const word = fc.string({ unit: fc.constantFrom(...Array.from('ab Z0~-:#\'"\n{}[],&*!|>%@`äß日🙂?.')), maxLength: 30 })
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    word,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ_-1')), minLength: 1, maxLength: 8 }), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
})).value

describe('YAML of company packages (K3)', () => {
  test('A value that is written in any style of YAML, with comments, CRLF or a mark, is read as that value', async () => {
    const property = fc.asyncProperty(
      values,
      fc.constantFrom(...styles),
      fc.boolean(),
      fc.boolean(),
      async (given, style, isCrlf, isMarked) => {
        const text = `# a comment\n${yamlOf({ value: given }, { aliasDuplicateObjects: false, ...style })}# the end\n`
        const sent = `${isMarked ? '\uFEFF' : ''}---\n${text}---\nThe text\n`
        const { head, body } = splitFrontMatter(isCrlf ? sent.replaceAll('\n', '\r\n') : sent)
        expect(await read(head ?? '')).toEqual({ value: given })
        expect(body).toBe('The text')
      },
    )
    await fc.assert(property, { numRuns: 500 })
  })

  test.each([
    ['a comment behind a value', 'name: CEO # the boss', { name: 'CEO' }],
    [
      'a list of maps below a map',
      'metadata:\n  sources:\n    - kind: x\n      at: "y"',
      { metadata: { sources: [{ kind: 'x', at: 'y' }] } },
    ],
    ['anchors and aliases', 'a: &x {b: [1]}\nc: *x', { a: { b: [1] }, c: { b: [1] } }],
    ['an anchor on an alias target that is a scalar', 'a: &x 1\nb: [*x, *x]', { a: 1, b: [1, 1] }],
    ['a folded text', 'a: >-\n  one\n  two\n\n  three', { a: 'one two\nthree' }],
    ['words that YAML 1.1 took for flags', 'a: yes\nb: off', { a: 'yes', b: 'off' }],
    ['an empty text', '', null],
    ['a key that is the name of a prototype', '__proto__: {a: 1}', Object.fromEntries([['__proto__', { a: 1 }]])],
    ['a tag of a program, which makes nothing but a text', 'a: !!js/function "x"', { a: 'x' }],
    ['a merge key, which YAML 1.2 does not have', 'a: &x {b: 1}\nc: {<<: *x}', { a: { b: 1 }, c: { '<<': { b: 1 } } }],
  ])('A head with %s is read', async (_, text, value) => {
    expect(await read(text)).toEqual(value)
  })

  test.each([
    ['a colon inside a bare text', 'ok: 1\na: b: c', /^line 2, column \d+: /],
    ['one key twice', 'a: 1\nb: {c: 1, c: 2}', /key c stands twice/],
    ['an alias without an anchor', 'a: *x', /alias/],
    ['an alias of itself', 'a: &x [*x]', /alias x/],
    ['two documents', 'a: 1\n---\nb: 2', /several documents/],
    ['a list as a key', '? [a]\n: 1', /key of a map/],
    ['lists a hundred levels deep', '['.repeat(100), /levels deep/],
    ['maps a hundred levels deep', Array.from({ length: 100 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), /levels deep/],
    ['aliases that multiply', `a: &a [${'1,'.repeat(500)}]\nb: [${'*a,'.repeat(500)}]`, /more than 10000 values/],
    [
      'aliases of aliases',
      ['a0: &a0 [1,1]', ...Array.from({ length: 40 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`)].join('\n'),
      /more than 10000 values/,
    ],
    ['a very long text', `a: "${'x'.repeat(40_000)}"`, /longer than 32768/],
    ['very many entries', '- x\n'.repeat(20_000), /too many words/],
    ['more than 256 KB', ' '.repeat(300_000), /longer than 262144/],
  ])('A head with %s is refused with the reason', async (_, text, problem) => {
    expect(await read(text)).toEqual({ problem: expect.stringMatching(problem) as string })
  })

  test('A head of simple lines is read as YAML reads it', async () => {
    const line = fc.oneof(
      fc.tuple(
        fc.constantFrom('a', 'b', 'name'),
        fc.constant(': '),
        fc.string({ unit: fc.constantFrom(...Array.from('aNulE0 -_x')), maxLength: 6 }),
      ),
      fc.tuple(fc.constantFrom('a', 'b', 'c1'), fc.constantFrom(': ', ':'), fc.json({ maxDepth: 2 })),
      fc.tuple(
        fc.constantFrom('a', 'd'),
        fc.constant(': '),
        fc.constantFrom('null', 'Null', 'True', '0x1f', '1e5', '.inf', 'NaN', '~', 'y', 'a #b', '- x'),
      ),
    )
    const property = fc.asyncProperty(fc.array(line, { maxLength: 3 }), async (lines) => {
      const text = lines.map((parts) => `${parts.join('')}\n`).join('')
      const [whole, head] = [await readYaml(text, createYamlBudget()), await readHead(text, createYamlBudget())]
      expect(head.problem === null ? { value: plain(head.value) ?? {} } : head).toEqual(
        whole.problem === null ? { value: plain(whole.value) ?? {} } : whole,
      )
    })
    await fc.assert(property, { numRuns: 1000 })
  })

  test('The heads of one package share one budget of words', async () => {
    const budget = createYamlBudget()
    const results = []
    for (let round = 0; round < 40; round += 1) results.push((await readYaml('- x\n'.repeat(4000), budget)).problem)
    expect(results[0]).toBeNull()
    expect(results.at(-1)).toContain('too many words')
  })

  test.each(['', 'One line', '\n\nTwo\n\n', '---\nname: x\n---\n', 'key: value', 'a\r\nb', '\uFEFFc'])(
    'A document with the text %j is read exactly as it was written',
    async (body) => {
      const fields = { name: 'A: "b"\n---', list: ['x', 'y'], none: null, number: 3, flag: false, line: '\u2028\u0085' }
      const { none: _, ...expectedFields } = fields
      const document = splitFrontMatter(renderFrontMatter(fields, body))
      expect(document.body).toBe(body)
      expect(await read(document.head ?? '')).toEqual(expectedFields)
    },
  )

  test('A text without a closed head is all body', () => {
    expect(splitFrontMatter('Just words')).toEqual({ head: null, body: 'Just words' })
    expect(splitFrontMatter('---\nnever closed')).toEqual({ head: null, body: '---\nnever closed' })
    expect(splitFrontMatter('---\n---\nbody')).toEqual({ head: '', body: 'body' })
  })
})
