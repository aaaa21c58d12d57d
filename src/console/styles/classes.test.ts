import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

// All style sheets become one, so two pages that give a class the same name change each other.

const sources = path.resolve(import.meta.dirname, '..')
const sheets = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.css'))

/** The selectors of a style sheet, without what stands before a block of media. */
const selectorsIn = (text: string): string[] =>
  [...text.replaceAll(/\/\*[^]*?\*\//g, '').matchAll(/([^{};]+)\{/g)]
    .flatMap(([, list = '']) => list.split(','))
    .map((selector) => selector.trim())
    .filter((selector) => !selector.startsWith('@'))

/** The folder that owns a sheet: a page, or a part of the console. */
const ownerOf = (sheet: string): string => {
  const [first = '', second = ''] = sheet.split(path.sep)
  return first === 'pages' ? `pages/${second}` : first
}

interface Selector {
  readonly owner: string
  readonly text: string
}

/** Classes that stand alone in a selector of one folder, and anywhere in a selector of another page: each with both folders. */
function sharedClasses(selectors: readonly Selector[]): string[] {
  const alone = selectors.filter(({ text }) => /^\.[a-z][\w-]*$/i.test(text))
  const found = alone.flatMap(({ owner, text: name }) =>
    selectors
      // The pages may narrow a class that all of them share, but not define it again.
      .filter((other) => other.owner !== owner && other.owner.startsWith('pages/') && (owner.startsWith('pages/') || other.text === name))
      .filter(({ text }) => [...text.matchAll(/\.[a-z][\w-]*/gi)].some(([part]) => part === name))
      .map((other) => `${name} of ${owner}: ${other.owner}`),
  )
  return [...new Set(found)]
}

test('No page gives a class the name of a class of another page, or of all pages', () => {
  const selectors = sheets.flatMap((sheet) =>
    selectorsIn(readFileSync(path.join(sources, sheet), 'utf8')).map((text) => ({ owner: ownerOf(sheet), text })),
  )
  expect(selectors.length).toBeGreaterThan(300)
  expect(sharedClasses(selectors)).toEqual([])
})

test('The check finds planted names that meet, and lets pages narrow what is shared', () => {
  const planted = [
    { owner: 'styles', text: '.two' },
    { owner: 'pages/locks', text: '.two' },
    { owner: 'pages/issues', text: '.column' },
    { owner: 'pages/overview', text: '.overview .column > h2' },
    { owner: 'pages/issues', text: '.two > .deep' },
  ]
  expect(sharedClasses(planted)).toEqual([
    '.two of styles: pages/locks',
    '.two of pages/locks: pages/issues',
    '.column of pages/issues: pages/overview',
  ])
  expect(selectorsIn('/* .no {} */ .one,\n.two > b { top: 0 } @media (width < 1px) { .three { top: 0 } }')).toEqual([
    '.one',
    '.two > b',
    '.three',
  ])
})
