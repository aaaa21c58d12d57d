import { cut, oneLine, padded, plain, textWidth, toned } from './screen.ts'
import type { Screen, Tone } from './screen.ts'

/** A value of a table; an object gives it a tone. Null and undefined are shown as a dash. */
export type Cell = string | number | boolean | null | undefined | { readonly text: string; readonly tone: Tone }

interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => Cell
  /** This column is cut first when the terminal is narrow. Left out: it is shown whole as long as possible. */
  readonly gives?: true
}

const GAP = '  '
/** A column that is cut keeps so many columns of the terminal, or the table says nothing. */
const LEAST = 8

const textOf = (cell: Cell): string => {
  if (typeof cell === 'object' && cell !== null) return oneLine(cell.text)
  return cell === null || cell === undefined || cell === '' ? '-' : oneLine(String(cell))
}

const toneOf = (cell: Cell): Tone | null => (typeof cell === 'object' && cell !== null ? cell.tone : null)

/** The widths of the columns: as wide as their texts, and narrower where the terminal is, first those that give. */
function widthsFor(natural: readonly number[], gives: readonly boolean[], room: number): number[] {
  const widths = [...natural]
  const excess = (): number => widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - room
  for (const wanted of [true, false])
    while (excess() > 0) {
      const widest = widths.reduce(
        (best, width, at) => (gives[at] === wanted && width > (widths[best] ?? 0) ? at : best),
        gives.indexOf(wanted),
      )
      const width = widths[widest]
      if (width === undefined || width <= LEAST) break
      widths[widest] = Math.max(LEAST, width - excess())
    }
  return widths
}

/**
 * A table of rows, cut to the width of the terminal.
 * @param empty the sentence in its place when there is no row
 */
export function table<Row>(screen: Screen, rows: readonly Row[], columns: readonly Column<Row>[], empty: string): string {
  if (rows.length === 0) return empty
  const cells = rows.map((row) => columns.map(({ value }) => value(row)))
  const texts = cells.map((row) => row.map(textOf))
  const natural = columns.map(({ title }, at) => Math.max(textWidth(title), ...texts.map((row) => textWidth(row[at] ?? ''))))
  const widths = widthsFor(
    natural,
    columns.map(({ gives }) => gives === true),
    screen.width,
  )
  const line = (row: readonly string[], tone: (at: number) => Tone | null): string =>
    row
      .map((text, at) => {
        const shown = cut(text, widths[at] ?? 0)
        const filled = at === row.length - 1 ? shown : padded(shown, widths[at] ?? 0)
        const shade = tone(at)
        return shade === null ? filled : toned(screen, shade, filled)
      })
      .join(GAP)
      .trimEnd()
  const head = line(
    columns.map(({ title }) => title.toUpperCase()),
    () => 'quiet',
  )
  return [head, ...texts.map((row, index) => line(row, (at) => toneOf(cells[index]?.[at])))].join('\n')
}

/** Names with their values, one in each line. Longer texts keep their line ends. */
export function fields(screen: Screen, values: readonly (readonly [string, Cell])[]): string {
  // A name may be that of an agent.
  const named = values.map(([name, cell]) => [oneLine(name), cell] as const)
  const width = Math.max(0, ...named.map(([name]) => textWidth(name)))
  return named
    .map(([name, cell]) => {
      const tone = toneOf(cell)
      const text = typeof cell === 'string' ? plain(cell).trim() || '-' : textOf(cell)
      const shown = text.replaceAll('\n', `\n${' '.repeat(width + GAP.length)}`)
      return `${toned(screen, 'quiet', padded(name, width))}${GAP}${tone === null ? shown : toned(screen, tone, shown)}`
    })
    .join('\n')
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/** How long ago an instant is, or how far ahead, in its largest unit: `3 min ago`, `in 20 s`. */
export function ago(instant: string | null | undefined, now: number): string {
  if (instant === null || instant === undefined) return '-'
  const seconds = Math.round((now - Date.parse(instant)) / 1000)
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ['s', 1]
  const amount = `${Math.floor(Math.abs(seconds) / size)} ${unit}`
  return seconds < 0 ? `in ${amount}` : `${amount} ago`
}
