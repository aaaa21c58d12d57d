import fc from 'fast-check'
import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import { Markdown } from './Markdown.tsx'
import { pictureAddress, readMarkdown, safeAddress } from './markdownTree.ts'

const rendered = (text: string): string => renderToStaticMarkup(createElement(Markdown, { text }))
const FILE = '/api/attachments/0b57d000-0000-4000-8000-000000000001/content'

describe('Markdown', () => {
  it('Headings, lists, code, tables and tasks of a text become elements', () => {
    const html = rendered('# Plan\n\n- [x] **one**\n- [ ] two\n\n1. a\n2. b\n\n```js\nlet a = 1\n```\n\n| a | b |\n| - | -: |\n| 1 | 2 |\n')
    expect(html).toContain('<h3>Plan</h3>')
    expect(html).toContain('☑')
    expect(html).toContain('<strong>one</strong>')
    expect(html).toContain('<pre>let a = 1</pre>')
    expect(html).toContain('<td style="text-align:right">2</td>')
    expect(html).toContain('<ol start="1">')
  })

  it('Headings stand below the heading of their page, without a gap', () => {
    const html = rendered('## A\n\n###### B\n\n> ## C')
    expect(html).toContain('<h3>A</h3>')
    expect(html).toContain('<h4>B</h4>')
    expect(html).toContain('<h3>C</h3>')
  })

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '<iframe src="https://evil.example"></iframe>',
    'a <b onclick="alert(1)">b</b> c',
    '<style>* { display: none }</style>',
    '<!-- a --><math><mtext></mtext></math>',
    '```<script>\n<b>\n```',
  ])('The HTML of %s is shown as text', (text) => {
    const html = rendered(text)
    expect(html).not.toMatch(/<(?:script|img|svg|iframe|b|style|math|!--)/)
    expect(html).toContain('&')
  })

  it.each([
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java\tscript:alert(1))',
    '[x](&#106;avascript:alert(1))',
    '[x](javascript&colon;alert(1))',
    '[x](<javascript:alert(1)>)',
    '<javascript:alert(1)>',
    '[x](data:text/html;base64,PHNjcmlwdD4=)',
    '[x](vbscript:msgbox)',
    '[x](file:///etc/passwd)',
    '[x](blob:https://a.example/1)',
    '[x](//evil.example)',
    '[x](/api/companies)',
    '[x](../../sign-out)',
    '[x](https://bank.example@evil.example/)',
    '[x][1]\n\n[1]: javascript:alert(1)',
    '![x](javascript:alert(1))',
    '![x](data:image/svg+xml;base64,PHN2Zz4=)',
    '![x](/api/attachments/../board/links)',
    `![x](${FILE}?a)`,
  ])('The address of %s leads nowhere', (text) => {
    expect(rendered(text)).not.toMatch(/<a |<img|href=|src=/)
  })

  it('A link to the web and to a mailbox opens elsewhere and learns nothing of the page', () => {
    const html = rendered('[a](https://a.example/b?c=1#d) <ann@a.example> https://b.example/x README.md')
    expect(html.match(/<a /g)).toHaveLength(3)
    expect(html.match(/target="_blank" rel="noopener noreferrer nofollow"/g)).toHaveLength(3)
    expect(html).toContain('href="mailto:ann@a.example"')
  })

  it('A picture is shown only from the files of this server, and one of elsewhere is a link', () => {
    expect(rendered(`![shot](${FILE})`)).toBe(`<div class="markdown"><p><img src="${FILE}" alt="shot" loading="lazy"/></p></div>`)
    const other = rendered('![shot](https://evil.example/pixel.png)')
    expect(other).not.toContain('<img')
    expect(other).toContain('href="https://evil.example/pixel.png"')
    expect(pictureAddress('https://evil.example/x.png')).toBeNull()
  })

  it('A character that is not seen is named, but for those that join picture signs', () => {
    expect(rendered('rm \u202e-rf `a\u200bb`')).toMatch(/rm <mark[^>]*>U\+202E<\/mark>-rf <code>a<mark[^>]*>U\+200B<\/mark>b<\/code>/)
    expect(rendered('done \u26a0\ufe0f \u{1f469}\u200d\u{1f4bb}')).toContain('done \u26a0\ufe0f \u{1f469}\u200d\u{1f4bb}')
    expect(rendered('a\ufe0f')).toContain('U+FE0F')
  })

  it('A link to an agent is its name, without an address', () => {
    const html = rendered('[@Ada](agent://0b57d000-0000-4000-8000-000000000001) ask')
    expect(html).toContain('<strong class="mention">@Ada</strong>')
    expect(html).not.toContain('href')
  })

  it.each([
    ['quotes', '>'.repeat(5000) + ' a'],
    ['lists', Array.from({ length: 200 }, (_, at) => `${'  '.repeat(at)}- a`).join('\n')],
    ['emphasis', '*a '.repeat(5000) + 'b*'.repeat(5000)],
    ['a long text', 'a'.repeat(500_000)],
    ['many parts', '*a* '.repeat(20_000)],
  ])('Of %s that cannot be laid out, everything is shown as it was written', (_, text) => {
    expect(readMarkdown(text)).toBeNull()
    expect(rendered(text)).toContain(text.slice(-100).replaceAll('>', '&gt;'))
  })

  it.each([
    '['.repeat(50_000),
    '`'.repeat(99_999),
    '![]('.repeat(20_000),
    '|a'.repeat(30_000),
    '<'.repeat(50_000),
    'https://'.repeat(12_000),
  ])('A text of one repeated sign ends', (text) => {
    expect(rendered(text)).toContain('markdown')
  })

  it('No text makes an element with an address of another kind, or an event handler', () => {
    const piece = fc.constantFrom(
      '[',
      ']',
      '(',
      ')',
      '!',
      '<',
      '>',
      '`',
      '*',
      '\n',
      ' ',
      '"',
      '&',
      'javascript:',
      'https://a',
      'x',
      '|',
      '-',
      '#',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const html = rendered(pieces.join(''))
        for (const [, address = ''] of html.matchAll(/(?:href|src)="([^"]*)"/g))
          expect(safeAddress(address.replaceAll('&amp;', '&'))).not.toBeNull()
        expect(html).not.toMatch(/<[^>]* on[a-z]+=|<script|<iframe/)
      }),
      { numRuns: 500 },
    )
  })
})
