import { expect, test } from 'vitest'
import { csvOf } from './csv.ts'
import type { Column } from './DataTable.tsx'

const columns: readonly Column<string>[] = [
  { key: 'a', title: 'Title, with comma', cell: () => null, text: (row) => row },
  { key: 'b', title: 'Not copied', cell: () => null },
  { key: 'c', title: 'Length', cell: () => null, text: (row) => String(row.length) },
]

test('A copy as CSV quotes what it has to, and leaves out columns without a text', () => {
  expect(csvOf(['plain', 'a "quoted", text', 'two\nlines', ''], columns)).toBe(
    '"Title, with comma",Length\r\nplain,5\r\n"a ""quoted"", text",16\r\n"two\nlines",9\r\n,0',
  )
})

test('No field is a formula for the program that opens the copy, and a number stays a number', () => {
  const texts = ['=1+1', '+cmd', '-2', '@sum', '\tx', '\r=x', ' =1', '-1,5', '-a']
  expect(csvOf(texts, columns.slice(0, 1)).split('\r\n').slice(1)).toEqual([
    "'=1+1",
    "'+cmd",
    '-2',
    "'@sum",
    "'\tx",
    '"\'\r=x"',
    "' =1",
    '"\'-1,5"',
    "'-a",
  ])
})
