import type { StateMachine } from '../../platform/kernel/stateMachine.ts'

const edges = ({ transitions: table, statuses }: StateMachine<string>): [string, string][] =>
  statuses.flatMap((from) => (table[from] ?? []).filter((to) => to !== from).map((to): [string, string] => [from, to]))

/** True when every status may become every other: a diagram of all edges would show nothing. */
const isUnrestricted = (each: StateMachine<string>): boolean => edges(each).length === each.statuses.length * (each.statuses.length - 1)

function section(each: StateMachine<string>): string {
  const title = `## ${each.name}\n\n`
  if (isUnrestricted(each))
    return `${title}Every status may become every other: ${each.statuses.map((status) => `\`${status}\``).join(', ')}.\n`
  const lines = edges(each).map(([from, to]) => `  ${from} --> ${to}`)
  const ends = each.terminal.map((status) => `  ${status} --> [*]`)
  return `${title}\`\`\`mermaid\nstateDiagram-v2\n${[...lines, ...ends].join('\n')}\n\`\`\`\n`
}

/** Renders the state machines as diagrams. */
export const renderStates = (machines: readonly StateMachine<string>[]): string => `# States

Written by \`npm run docs\` from the tables in \`src/model/*Status.ts\`, which also make the checks of the database. What a row
must bring with it to enter a status stands there as well.

${machines.map(section).join('\n')}`
