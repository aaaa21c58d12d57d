import { rooms } from './importOrder.ts'

const BEGIN = '<!-- The map: written by `npm run docs` from src/dev/docs/importOrder.ts -->'
const END = '<!-- End of the map -->'

const wingOf = (path: string): string => path.split('/')[0] ?? path
const wings = [...new Set(rooms.map(({ path }) => wingOf(path)))]
const roomsOf = (wing: string): string[] => rooms.map(({ path }) => path).filter((path) => wingOf(path) === wing)

/** The wings from the ground up as a diagram, with their rooms in their order. */
const diagram = (): string => {
  const boxes = wings.map((wing) => {
    const names = roomsOf(wing)
      .map((path) => path.split('/')[1])
      .filter((name) => name !== undefined)
    return `  ${wing}["<b>${wing}</b>${names.length === 0 ? '' : `<br/>${names.join(' · ')}`}"]`
  })
  const arrows = wings.slice(1).map((wing, index) => `  ${wing} --> ${wings[index]}`)
  return ['```mermaid', 'flowchart BT', ...boxes, ...arrows, '```'].join('\n')
}

const table = (): string =>
  ['| room | holds |', '| --- | --- |', ...rooms.map(({ path, holds }) => `| \`src/${path}/\` | ${holds} |`)].join('\n')

/**
 * Writes the map into doc/ARCHITECTURE.md.
 * @param page the page as it is
 * @throws when the page has no place for the map
 */
export function withMap(page: string): string {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error('doc/ARCHITECTURE.md has no place for the map')
  return `${before}${BEGIN}\n\n${diagram()}\n\n${table()}\n\n${END}${after}`
}
