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
  ['a script inside a removed element', wrapInSvg(`<foreignObject><g><script>alert(1)</script>${DOT}</g></foreignObject>${DOT}`)],
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
    [
      'a drawing of removed elements alone',
      wrapInSvg('<script>alert(1)</script><image href="x"/><foreignObject><p>words</p></foreignObject>'),
    ],
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

/** Further hostile drawings with the bytes that are stored of each; `%NS%` is the namespace declaration. */
const recordedSvgs: readonly [name: string, text: string, stored: string][] = [
  [
    'an uppercase JavaScript link',
    '<svg %NS%><a HREF="JaVaScRiPt:alert(1)"><circle r="1"/></a><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'a script that a second prefix names',
    '<svg %NS%><svg:script xmlns:svg="http://www.w3.org/2000/svg">alert(1)</svg:script><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'an HTML image with an error handler',
    '<svg %NS%><img src="x" onerror="alert(1)"/><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'a CDATA section that ends a text',
    '<svg %NS%><text><![CDATA[</text><script>alert(1)</script>]]></text></svg>',
    '<svg %NS%><text>&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;</text></svg>',
  ],
  [
    'an entity that hides a tag',
    '<svg %NS%><text>&#60;script&#62;alert(1)&#60;/script&#62;</text></svg>',
    '<svg %NS%><text>&lt;script&gt;alert(1)&lt;/script&gt;</text></svg>',
  ],
  [
    'numeric entities that spell url',
    '<svg %NS%><circle r="1" fill="&#117;&#114;&#108;(https://evil.invalid/x)"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  ['a null character in a name', '<svg %NS%><scr\u0000ipt>alert(1)</scr\u0000ipt><circle r="1"/></svg>', '<svg %NS%><circle r="1"/></svg>'],
  [
    'a null character in a value',
    '<svg %NS%><circle r="1" fill="u\u0000rl(https://evil.invalid/x)"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'a style with an unclosed comment',
    '<svg %NS%><style>circle{fill:red}/*</style><script>alert(1)</script><style>*/</style><circle r="1"/></svg>',
    '<svg %NS%><style>*/</style><circle r="1"/></svg>',
  ],
  [
    'a style with a font',
    '<svg %NS%><style>@font-face{font-family:x;src:url(https://evil.invalid/x)}</style><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'a style with a selector of children',
    '<svg %NS%><style>g>circle{fill:red}</style><circle r="1"/></svg>',
    '<svg %NS%><style>g&gt;circle{fill:red}</style><circle r="1"/></svg>',
  ],
  [
    'a style attribute with quotes',
    `<svg %NS%><circle r="1" style="font-family:'a b'"/></svg>`,
    '<svg %NS%><circle r="1" style="font-family:&#39;a b&#39;"/></svg>',
  ],
  [
    'an apostrophe in a text',
    `<svg %NS%><text>it's "quoted" &amp; more</text></svg>`,
    '<svg %NS%><text>it&#39;s &quot;quoted&quot; &amp; more</text></svg>',
  ],
  ['an empty attribute', '<svg %NS%><circle r="1" fill=""/></svg>', '<svg %NS%><circle r="1" fill=""/></svg>'],
  ['an attribute without quotes', '<svg %NS%><circle r=1 onclick=alert(1) fill=red /></svg>', '<svg %NS%><circle r="1" fill="red"/></svg>'],
  [
    'an attribute given twice',
    '<svg %NS%><circle r="1" fill="red" fill="url(https://evil.invalid/x)"/></svg>',
    '<svg %NS%><circle r="1" fill="red"/></svg>',
  ],
  [
    'a link that is given twice',
    '<svg %NS%><g id="a"><circle r="1"/></g><use href="#a" xlink:href="https://evil.invalid/x#a"/></svg>',
    '<svg %NS%><g id="a"><circle r="1"/></g><use href="#a"/></svg>',
  ],
  [
    'a use of an element that comes later',
    '<svg %NS%><use href="#late"/><g id="late"><circle r="1"/></g></svg>',
    '<svg %NS%><use href="#late"/><g id="late"><circle r="1"/></g></svg>',
  ],
  [
    'two uses of each other',
    '<svg %NS%><g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g><circle r="1"/></svg>',
    '<svg %NS%><g id="a"></g><g id="b"></g><circle r="1"/></svg>',
  ],
  [
    'a use below a pattern that it uses',
    '<svg %NS%><pattern id="p"><use href="#p"/></pattern><circle r="1"/></svg>',
    '<svg %NS%><pattern id="p"></pattern><circle r="1"/></svg>',
  ],
  [
    'a gradient that references another file',
    '<svg %NS%><linearGradient id="g" href="https://evil.invalid/x#g"/><circle r="1"/></svg>',
    '<svg %NS%><linearGradient id="g"/><circle r="1"/></svg>',
  ],
  [
    'a filter that fetches a picture',
    '<svg %NS%><filter id="f"><feImage href="https://evil.invalid/x"/><feFlood flood-color="red"/></filter><circle r="1"/></svg>',
    '<svg %NS%><filter id="f"><feFlood flood-color="red"/></filter><circle r="1"/></svg>',
  ],
  ['a tag that is never closed', '<svg %NS%><g><circle r="1"><script>alert(1)</svg>', '<svg %NS%><g><circle r="1"/></g></svg>'],
  ['end tags in the wrong order', '<svg %NS%><g><circle r="1"></g></circle></svg>', '<svg %NS%><g><circle r="1"/></g></svg>'],
  ['an end tag without a start', '<svg %NS%></g></script><circle r="1"/></svg>', '<svg %NS%><circle r="1"/></svg>'],
  [
    'a nested drawing with events',
    '<svg %NS%><svg onload="alert(1)" width="1"><circle r="1"/></svg></svg>',
    '<svg %NS%><svg width="1"><circle r="1"/></svg></svg>',
  ],
  [
    'a drawing inside a foreign object inside a drawing',
    '<svg %NS%><foreignObject><svg><circle r="1"/><script>alert(1)</script></svg></foreignObject><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  ['a drawing after text', 'words <svg %NS%><circle r="1"/></svg>', '<svg %NS%><circle r="1"/></svg>'],
  ['text between shapes', '<svg %NS%>one <circle r="1"/> two <g>three</g></svg>', '<svg %NS%><circle r="1"/><g/></svg>'],
  ['a tag inside an attribute', '<svg %NS%><circle r="1" class="&lt;script&gt;"/></svg>', '<svg %NS%><circle r="1"/></svg>'],
  [
    'a reference with a space before the sign',
    '<svg %NS%><circle r="1" fill="url( #a)"/></svg>',
    '<svg %NS%><circle r="1" fill="url( #a)"/></svg>',
  ],
  [
    'a function name far from its parenthesis',
    '<svg %NS%><circle r="1" fill="url                                        (https://evil.invalid/x)"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  ['an unpaired surrogate', '<svg %NS%><text>a\ud800b</text></svg>', '<svg %NS%><text>ab</text></svg>'],
  [
    'a control character',
    '<svg %NS%><text>a\u0007b</text><circle r="1" class="a\u0001"/></svg>',
    '<svg %NS%><text>ab</text><circle r="1" class="a"/></svg>',
  ],
  [
    'an animation of a link',
    '<svg %NS%><a><animate attributeName="href" to="javascript:alert(1)"/></a><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'a title with markup',
    '<svg %NS%><title>a<b>bold</b>c</title><circle r="1"/></svg>',
    '<svg %NS%><title>ac</title><circle r="1"/></svg>',
  ],
  [
    'a metadata block',
    '<svg %NS%><metadata><rdf:RDF><circle r="1"/></rdf:RDF></metadata><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'an attribute with a name space',
    '<svg %NS%><circle r="1" xml:space="preserve" sodipodi:type="arc" data-x="1" aria-label="x"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
  [
    'a processing instruction inside a shape',
    '<svg %NS%><g><?xml-stylesheet href="https://evil.invalid/x"?><circle r="1"/></g></svg>',
    '<svg %NS%><g><circle r="1"/></g></svg>',
  ],
  [
    'a document type inside the drawing',
    '<svg %NS%><!DOCTYPE x [<!ENTITY a "b">]><circle r="1"/></svg>',
    '<svg %NS%><circle r="1"/></svg>',
  ],
]

describe('recorded outputs of sanitizeSvg', () => {
  test.each(recordedSvgs)('The stored bytes of %s do not change', (_, text, stored) => {
    const withNamespace = (drawing: string): string => drawing.replaceAll('%NS%', NS)
    expect(sanitize(withNamespace(text))).toBe(withNamespace(stored))
  })
})
