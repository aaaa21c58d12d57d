import type { Machine } from '../kernel/machine.ts'

const edges = ({ table, statuses }: Machine<string>): [string, string][] =>
  statuses.flatMap((from) => (table[from] ?? []).filter((to) => to !== from).map((to): [string, string] => [from, to]))

/** True when every status may become every other: a diagram of all edges would show nothing. */
const isFree = (each: Machine<string>): boolean => edges(each).length === each.statuses.length * (each.statuses.length - 1)

function section(each: Machine<string>): string {
  const title = `## ${each.name}\n\n`
  if (isFree(each)) return `${title}Every status may become every other: ${each.statuses.map((status) => `\`${status}\``).join(', ')}.\n`
  const lines = edges(each).map(([from, to]) => `  ${from} --> ${to}`)
  const ends = each.terminal.map((status) => `  ${status} --> [*]`)
  return `${title}\`\`\`mermaid\nstateDiagram-v2\n${[...lines, ...ends].join('\n')}\n\`\`\`\n`
}

/** Renders the state machines as diagrams. */
export const renderStates = (machines: readonly Machine<string>[]): string => `# States

Written by \`npm run docs\` from the tables in \`src/*/status.ts\`, which also make the checks of the database. What a row
must bring with it to enter a status is told there, too.

${machines.map(section).join('\n')}`
