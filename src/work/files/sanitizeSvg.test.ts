import { describe, expect, test } from 'vitest'
import { Refusal } from '../../platform/kernel/errors.ts'
import { sanitizeSvg } from './sanitizeSvg.ts'

const NS = 'xmlns="http://www.w3.org/2000/svg"'
const wrapInSvg = (inside: string, attributes = ''): string => `<svg ${NS}${attributes}>${inside}</svg>`
const sanitize = (text: string): string => sanitizeSvg(text).toString('utf8')
const DOT = '<circle r="1"/>'

/** The drawing that remains when its hostile part is removed. */
const ONLY_DOT = wrapInSvg(DOT)

/** Drawings with a part that runs, fetches or hides something, each with a harmless dot. */
const unsafeSvgs: readonly [name: string, text: string][] = [
  ['a script', wrapInSvg(`<script>alert(1)</script>${DOT}`)],
  ['a script in capitals', wrapInSvg(`<SCRIPT>alert(1)</SCRIPT>${DOT}`)],
  ['a script in another name space', wrapInSvg(`<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>${DOT}`)],
  ['a script that is fetched', wrapInSvg(`<script href="https://evil.invalid/x.js"/><script xlink:href="data:,alert(1)"/>${DOT}`)],
  ['a script of another language', wrapInSvg(`<handler type="text/ecmascript">alert(1)</handler>${DOT}`)],
  ['a script in CDATA', wrapInSvg(`<script><![CDATA[alert(1)]]></script>${DOT}`)],
  ['a script inside what is left out', wrapInSvg(`<foreignObject><g><script>alert(1)</script>${DOT}</g></foreignObject>${DOT}`)],
  ['a page', wrapInSvg(`<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="alert(1)"/></foreignObject>${DOT}`)],
  ['a frame', wrapInSvg(`<iframe src="javascript:alert(1)"/><embed src="x"/><object data="x"/>${DOT}`)],
  ['events', wrapInSvg('<circle r="1" onclick="alert(1)" ONLOAD="alert(1)" on:x="1" xlink:onload="x"/>', ' onload="alert(1)" onerror="x"')],
  ['a link', wrapInSvg(`<a href="javascript:alert(1)"><text>click</text></a>${DOT}`)],
  ['a link with spaces in its scheme', wrapInSvg(`<a xlink:href="java&#10;script:alert(1)">${DOT}</a>${DOT}`)],
  ['a picture from elsewhere', wrapInSvg(`<image href="https://evil.invalid/pixel.png"/><feImage href="https://evil.invalid/x"/>${DOT}`)],
  ['a picture inside', wrapInSvg(`<image href="data:image/svg+xml;base64,PHN2Zz4="/>${DOT}`)],
  [
    'a use of another file',
    wrapInSvg(`<use href="https://evil.invalid/a.svg#b"/><use xlink:href="other.svg#a"/><use href="//x#y"/>${DOT}`),
  ],
  ['a use of data', wrapInSvg(`<use href="data:image/svg+xml,&lt;svg id='x'/&gt;#x"/>${DOT}`)],
  [
    'an animation that makes a script',
    wrapInSvg(`<set attributeName="onload" to="alert(1)"/><animate attributeName="href" values="javascript:alert(1)"/>${DOT}`),
  ],
  ['a style that brings in another', wrapInSvg(`<style>@import "https://evil.invalid/x.css";</style>${DOT}`)],
  ['a style that brings in another in CDATA', wrapInSvg(`<style><![CDATA[@import url(//evil.invalid/x.css);]]></style>${DOT}`)],
  ['a style that fetches', wrapInSvg(`<style>circle{fill:url(https://evil.invalid/x)}</style>${DOT}`)],
  ['a style that fetches under another spelling', wrapInSvg(`<style>circle{fill:\\75 rl(https://evil.invalid/x)}</style>${DOT}`)],
  ['a style that fetches in capitals', wrapInSvg(`<style>circle{fill:URL("https://evil.invalid/x")}</style>${DOT}`)],
  [
    'a style that fetches pictures',
    wrapInSvg(`<style>circle{mask:image-set("https://evil.invalid/x" 1x);background:image("x")}</style>${DOT}`),
  ],
  ['a style with a comment in its words', wrapInSvg(`<style>circle{fill:u/**/rl(https://evil.invalid/x)}</style>${DOT}`)],
  ['a style that computes', wrapInSvg(`<style>circle{width:expression(alert(1))}</style>${DOT}`)],
  ['a style that ends itself', wrapInSvg(`<style>&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;</style>${DOT}`)],
  ['a style attribute that fetches', wrapInSvg('<circle r="1" style="fill:url(https://evil.invalid/x)"/>')],
  ['a style attribute that binds', wrapInSvg('<circle r="1" style="-moz-binding:url(//evil.invalid/x)"/>')],
  ['an attribute that fetches', wrapInSvg('<circle r="1" fill="url(https://evil.invalid/x#a)" mask="url( data:image/svg+xml,x )"/>')],
  ['an attribute that fetches under another spelling', wrapInSvg('<circle r="1" fill="\\75rl(https://evil.invalid/x)"/>')],
  ['an attribute that fetches beside what is its own', wrapInSvg('<circle r="1" fill="url(#a) url(https://evil.invalid/x)"/>')],
  ['an attribute with an unknown function', wrapInSvg('<circle r="1" fill="src(&quot;https://evil.invalid&quot;)"/>')],
  ['an outline with a function', wrapInSvg(`<path fill="red" onclick="x"/>${DOT}`).replace('<path fill="red" onclick="x"/>', '')],
  ['a base', wrapInSvg(`<base href="https://evil.invalid/"/>${DOT}`, ' xml:base="https://evil.invalid/"')],
  ['a document type', `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "https://evil.invalid/svg11.dtd">${ONLY_DOT}`],
  ['processing instructions', `<?xml version="1.0"?><?xml-stylesheet href="https://evil.invalid/x.css"?>${wrapInSvg(`<?php x ?>${DOT}`)}`],
  ['comments', `<!-- a -->${wrapInSvg(`<!--><script>alert(1)</script>-->${DOT}<!-- ]]> -->`)}`],
  ['something behind its end', `${ONLY_DOT}<script>alert(1)</script><svg><circle/></svg>`],
  ['an end that is never reached', `<svg ${NS}><circle r="1"/><script>alert(1)`],
  ['another default name space', '<svg xmlns="http://www.w3.org/1999/xhtml"><circle r="1"/></svg>'],
]

describe('sanitizeSvg', () => {
  test.each(unsafeSvgs)('A sanitized drawing does not contain %s', (_, text) => {
    expect(sanitize(text)).toBe(ONLY_DOT)
    expect(sanitize(sanitize(text))).toBe(ONLY_DOT)
  })

  test('The output of drawing programs is not changed', () => {
    const drawing = wrapInSvg(
      '<title>A &amp; B</title><defs><linearGradient id="g1" gradientUnits="userSpaceOnUse" x2="1"><stop offset="0" stop-color="#fff"/>' +
        '<stop offset="1" style="stop-color:rgb(1,2,3);stop-opacity:0.5"/></linearGradient><linearGradient id="g2" href="#g1"/>' +
        '<clipPath id="c"><rect width="1" height="1"/></clipPath></defs><style>.a{fill:#f00;stroke:none}</style>' +
        '<g id="shape" class="a" clip-path="url(#c)" transform="translate(1 2) rotate(45)"><path d="M0 0L1.5-2e-3z" fill="url(#g2)"/></g>' +
        '<use x="3" href="#shape"/><text x="1" font-family="serif">Grüße &lt;3<tspan>!</tspan></text>',
      ' viewBox="0 0 10 10" width="10" height="10"',
    )
    expect(sanitize(drawing)).toBe(drawing)
    expect(sanitize(`\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE svg>\n${drawing}\n`)).toBe(drawing)
    expect(sanitize(wrapInSvg('<g id="a"><path d="M0 0"/></g><use xlink:href="#a"/>'))).toContain('<use href="#a"/>')
  })

  test('An entity that a document type declares is written as text and never expanded', () => {
    const text = `<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "&x;&x;">]>${wrapInSvg('<text>&x;&y;</text>')}`
    const written = sanitize(text)
    expect(written).not.toMatch(/ENTITY|DOCTYPE|passwd/)
    expect(written).toBe(wrapInSvg('<text>&amp;x;&amp;y;</text>'))
  })

  test('An element that is used contains no use itself, so a drawing cannot grow when it is rendered', () => {
    const doubling = (n: number): string => `<g id="g${n}"><use href="#g${n - 1}"/><use href="#g${n - 1}"/></g>`
    const bomb = wrapInSvg(`<g id="g0">${DOT}</g>${Array.from({ length: 20 }, (_, at) => doubling(at + 1)).join('')}`)
    expect([...sanitize(bomb).matchAll(/<use href="(#g\d+)"/g)].map(([, target]) => target)).toEqual(['#g0', '#g0'])
    expect(sanitize(wrapInSvg(`<use id="me" href="#me"/>${DOT}`))).toBe(ONLY_DOT)
  })
})

const nested = (levels: number): string => `${'<g>'.repeat(levels)}${DOT}${'</g>'.repeat(levels)}`

describe('limits of sanitizeSvg', () => {
  test.each([
    ['nothing', ''],
    ['words', 'words'],
    ['a page', '<html><body><svg><circle/></svg></body></html>'],
    ['a prolog alone', '<?xml version="1.0"?>'],
    ['a drawing of nothing', wrapInSvg('<g/><defs/><title>Title</title>')],
    ['a drawing of what is left out', wrapInSvg('<script>alert(1)</script><image href="x"/><foreignObject><p>words</p></foreignObject>')],
    ['a drawing of uses of nothing', wrapInSvg('<use href="https://evil.invalid/x#a"/>')],
    ['65 levels', wrapInSvg(nested(64))],
    ['a million levels that never end', `<svg>${'<g>'.repeat(1_000_000)}`],
    ['20,001 elements', wrapInSvg(DOT.repeat(20_001))],
  ])('A drawing is refused when it is %s', (_, text) => {
    expect(() => sanitizeSvg(text)).toThrow(Refusal)
  })

  test('A drawing with 64 levels or 20,000 elements is accepted', () => {
    expect(sanitize(wrapInSvg(nested(62)))).toBe(wrapInSvg(nested(62)))
    expect(sanitize(wrapInSvg(DOT.repeat(19_999)))).toHaveLength(wrapInSvg(DOT.repeat(19_999)).length)
  })
})
