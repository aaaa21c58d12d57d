import type { Column } from './DataTable.tsx'

/** Whether a table program would run a text as a formula, also behind spaces. A negative number is none. */
const isFormula = (text: string): boolean => /^(?:[\t\r]|\s*[=+\-@])/.test(text) && !/^-\d+(?:\.\d+)?$/.test(text)

/** Quotes a field of CSV (RFC 4180). A field that a table program would run as a formula gets an apostrophe. */
function field(text: string): string {
  const safe = isFormula(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The rows of a table as CSV, with the titles of its columns. */
export function csvOf<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const shown = columns.filter(({ text }) => text !== undefined)
  const lines = [shown.map(({ title }) => field(title)), ...rows.map((row) => shown.map(({ text }) => field(text?.(row) ?? '')))]
  return lines.map((line) => line.join(',')).join('\r\n')
}

/** Gives the browser a text as a file to keep. @param text as a whole, or in parts that follow each other */
export function download(name: string, text: string | readonly string[], type = 'text/csv'): void {
  const address = URL.createObjectURL(new Blob(typeof text === 'string' ? [text] : [...text], { type: `${type};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // Some browsers read it only after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}
