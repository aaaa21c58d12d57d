import { describe, expect, test } from 'vitest'
import { csvLine } from './csv.ts'

describe('a line of CSV', () => {
  test('Fields with commas, quotes and ends of lines are quoted', () => {
    expect(csvLine(['a', 'b,c', 'd"e', 'f\ng', 'h\ri'])).toBe('a,"b,c","d""e","f\ng","h\ri"\r\n')
  })

  test('Null is empty, numbers and switches are as they are, and objects are JSON', () => {
    expect(csvLine([null, undefined, -5, 0.5, true, { a: 1 }, []])).toBe(',,-5,0.5,true,"{""a"":1}",[]\r\n')
  })

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =1', '\u00a0=1', '\uff1d1', '-5'])(
    'The text %j, which a table program would run as a formula, gets an apostrophe',
    (text) => {
      expect(csvLine([text])).toBe(`'${text}\r\n`)
    },
  )

  test('An end of a line at the beginning gets an apostrophe and quotes', () => {
    expect(csvLine(['\r=1', '\n=1'])).toBe('"\'\r=1","\'\n=1"\r\n')
  })

  test('Signs that do not begin a text change nothing', () => {
    expect(csvLine(['a=b', '1-2', 'x@y.example', "'quoted"])).toBe("a=b,1-2,x@y.example,'quoted\r\n")
  })
})
