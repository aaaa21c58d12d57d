// Lists as CSV (RFC 4180), for table programs.

import { z } from 'zod'

const LINE_END = '\r\n'

/** Whether a table program would run a text as a formula, also behind spaces. Some know the signs in their full width. */
const isFormula = (text: string): boolean => /^(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/.test(text)

/**
 * A value as a field. A text that a table program would run as a formula gets an apostrophe, which such programs do not show: names of
 * agents, models and billers are what others wrote. Numbers are none.
 */
function fieldOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const safe = isFormula(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** A line of CSV with the end of the line. */
export const csvLine = (values: readonly unknown[]): string => values.map(fieldOf).join() + LINE_END

/** The columns of the items of a list: the fields of their schema, in its order. */
export function csvColumns(schema: z.ZodType): readonly string[] {
  const item = schema instanceof z.ZodArray ? schema.element : schema
  return item instanceof z.ZodObject ? Object.keys(item.shape) : []
}

/** The values of an item in the order of the columns. */
export const csvValues = (item: unknown, columns: readonly string[]): unknown[] =>
  columns.map((name) => (item as Readonly<Record<string, unknown>>)[name])

/** The headers of an answer that is a file to keep. @param name without its ending, in ASCII */
export const csvHeaders = (name: string): Readonly<Record<string, string>> => ({
  'Content-Type': 'text/csv; charset=utf-8; header=present',
  'Content-Disposition': `attachment; filename="${name}.csv"`,
})
