import { expect, test } from 'vitest'
import { queryText } from './filters.ts'
import { builtInViews, viewsFrom, withView } from './views.ts'

test('A built-in view has the text of its own address, so that it is found again', () => {
  for (const { name, query } of builtInViews) expect(queryText(new URLSearchParams(query)), name).toBe(query)
  expect(new Set(builtInViews.map(({ query }) => query)).size).toBe(builtInViews.length)
})

test('The text that the browser kept is read as views, and anything else as none', () => {
  expect(viewsFrom(null)).toEqual([])
  expect(viewsFrom('no JSON')).toEqual([])
  expect(viewsFrom('{"name":"a"}')).toEqual([])
  expect(viewsFrom('[null,1,{"name":"Fires","query":"q=1","more":2},{"name":"","query":""},{"name":"a"}]')).toEqual([
    { name: 'Fires', query: 'q=1' },
  ])
})

test('A view that is saved under the name of another takes its place', () => {
  const views = [
    { name: 'a', query: '1' },
    { name: 'b', query: '2' },
  ]
  expect(withView(views, { name: 'a', query: '3' })).toEqual([
    { name: 'b', query: '2' },
    { name: 'a', query: '3' },
  ])
})
