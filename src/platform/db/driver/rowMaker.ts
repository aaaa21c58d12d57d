/** A column of a result, as the driver has it. */
interface Field {
  readonly name: string
  readonly format: string
}

/** Makes the value of a column from its text. */
type ColumnParser = (text: string) => unknown

/** Makes a row from the texts of its columns. */
export type RowMaker = (texts: readonly (string | null)[]) => object

/**
 * The maker of rows with these columns. The driver copies a row of nulls first and then fills it. All statements share the place that copies, so
 * V8 does it property by property: half of the time of a row of 48 columns, which took 2 µs.
 * @param parsers those of the columns
 * @returns undefined where the driver is to make the rows, because their values are no text
 */
export function rowMakerOf(fields: readonly Field[], parsers: readonly ColumnParser[]): RowMaker | undefined {
  if (fields.some(({ format }) => format !== 'text')) return undefined
  const names = fields.map(({ name }) => name)
  return (texts) => {
    const row: Record<string, unknown> = {}
    for (let at = 0; at < texts.length; at += 1) {
      const text = texts[at] as string | null
      row[names[at] as string] = text === null ? null : (parsers[at] as ColumnParser)(text)
    }
    return row
  }
}
