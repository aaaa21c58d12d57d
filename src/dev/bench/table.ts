/** A table as Markdown, with its columns as wide as their longest cell, ready to paste into a document. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string => `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n')
}

/** A number with as many digits as its reader needs: three that count, and thousands with commas. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return 'n/a'
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A bar, and whether what was measured meets it. */
export interface Bar {
  readonly text: string
  readonly isMet: boolean
}

/** The cell of a bar: the bar itself, and whether it was met. */
export const barCell = (bar: Bar | null): string => (bar === null ? '' : `${bar.text} ${bar.isMet ? 'ok' : '**BELOW**'}`)
