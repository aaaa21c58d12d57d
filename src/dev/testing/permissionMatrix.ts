import { z } from 'zod'
import { authorize, authorizeTarget } from '../../auth/authorize.ts'
import { permissions } from '../../auth/permissions.ts'
import { actorIn, roleFor } from '../../auth/roles.ts'
import type { Route } from '../../http/route.ts'
import { Refusal, refuse } from '../../platform/kernel/errors.ts'
import { routeName } from './declaredRoutes.ts'
import { unauditedRoutes } from './exampleRequests.ts'
import { callers, HERE, TARGET_AGENT } from './permissionCallers.ts'
import type { Caller } from './permissionCallers.ts'

// The table of permissions as text: its rows, the cells that follow from the declarations, and how it is read and written.

/** A row of the table: a declared route, or the handshake of the WebSocket, which is none. */
export interface Door {
  readonly route: Route
  readonly label: string
  readonly isSocket: boolean
}

/** The name of a route in the table. */
export const labelOf = (route: Route): string => routeName(route).replace(' /api/', ' /')

/** The rows of the table. The WebSocket of a company has the permission and the scope of its event stream. */
export function doorsOf(routes: readonly Route[]): Door[] {
  const doors = routes.map((route) => ({ route, label: labelOf(route), isSocket: false }))
  const sockets = routes
    .filter(({ streams }) => streams === 'events')
    .map((route) => ({ ...route, path: route.path.replace(/\/stream$/, '/ws'), streams: null }))
    .map((route) => ({ route, label: labelOf(route).replace('GET', 'WebSocket'), isSocket: true }))
  return [...doors, ...sockets].toSorted((a, b) => compare(a.route.path, b.route.path) || compare(a.label, b.label))
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

/** Whether a secret in the path or the body is the proof, or none is needed. */
export const isPublic = ({ permission }: Route): boolean => (permissions[permission] as readonly string[]).includes('public')

/** Whether the row that the path names belongs to a company. */
export const isOfCompany = ({ permission, scope }: Route): boolean =>
  scope.reads !== null && (roleFor(permission) !== null || (permissions[permission] as readonly string[]).includes('agent'))

/** `yes`, or the status of the refusal with its code; a plain 401 or 404 has the usual one. */
export const refusalCell = (status: number, code: string | undefined): string =>
  code === undefined || code === 'unauthorized' || code === 'not_found' ? `${status}` : `${status} ${code}`

/**
 * The cell that follows from the declarations alone: the permission of the route, its scope, and the roles. A rule of the row in the
 * path may refuse more, and never less.
 */
export function declaredCell({ route, isSocket }: Door, caller: Caller): string {
  try {
    requireDeclared(route, caller)
    return 'yes'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    // The handshake answers every refusal with the same two words.
    return isSocket ? '403' : refusalCell(error.status, error.code)
  }
}

/** The checks of every request, in their order. */
function requireDeclared(route: Route, { actor, isElsewhere = false, isPaused = false }: Caller): void {
  const { permission, path } = route
  // No credential of the caller is looked at.
  if (route.signed) return
  if (actor === null) return refuse('unauthorized')
  authorize(permission, actor)
  if (isPublic(route)) return
  const namesAgent = path.startsWith('/api/agents/:')
  if (isOfCompany(route)) {
    if (namesAgent && actor.kind === 'agent') authorizeTarget(permission, actor, TARGET_AGENT)
    if (isElsewhere) refuse('not_found')
    actorIn(actor, permission, HERE)
  }
  if (isPaused && isChange(route)) refuse('agent_paused')
}

/** Whether the route changes anything; one that answers nothing never succeeds. */
const isChange = ({ method, operationId, returns }: Route): boolean =>
  method !== 'get' && !unauditedRoutes.has(operationId) && !(returns instanceof z.ZodNever)

/**
 * Whether a cell of the reviewed table contradicts the declarations. Refusals that are made before anything is looked up are exact.
 * Behind them a rule of the row may come first, and what is declared to be allowed may be refused by such a rule.
 */
export function contradicts(declared: string, stated: string): boolean {
  if (declared === 'yes') return stated === '403 role_missing'
  return declared === '404' || declared.startsWith('409') ? stated === 'yes' : stated !== declared
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const columnsBeforeCells = 2

/** The cells of each row by the label of its door. A row with another number of cells is left out: it was written for other columns. */
export function parseTable(text: string): ReadonlyMap<string, readonly string[]> {
  const rows = new Map<string, readonly string[]>()
  for (const [, inner = ''] of text.matchAll(/^\| (`.*) \|$/gm)) {
    const [label = '', , ...cells] = inner.split(' | ')
    if (cells.length !== callers.length) continue
    const name = label.replaceAll('`', '')
    if (rows.has(name) && rows.get(name)?.join() !== cells.join())
      throw new Error(`doc/generated/permissions.md has two rows for ${name}: keep one`)
    rows.set(name, cells)
  }
  return rows
}

/** The table with the rows that it has, and the declared cells for every door that has none. */
export function completeTable(doors: readonly Door[], rows: ReadonlyMap<string, readonly string[]>): string {
  return renderTable(doors, (door) => rows.get(door.label) ?? callers.map((caller) => declaredCell(door, caller)))
}

/** Renders the table that is reviewed. */
export function renderTable(doors: readonly Door[], cellsOf: (door: Door) => readonly string[]): string {
  const body = doors.map((door) => {
    const { permission } = door.route
    return line([`\`${door.label}\``, `${permission}: ${permissions[permission].join(' ')}`, ...cellsOf(door)])
  })
  return `# Who may ask what

${doors.length} routes, ${callers.length} kinds of callers: ${(doors.length * callers.length).toLocaleString('en')} cells. \`src/dev/testing/permissions.test.ts\` asks every route as every caller over HTTP and
compares the answers with this file. Paths are below \`/api\`.

A cell is \`yes\` when the request is not refused for who sent it; it may still be refused for what it asks (400, 409, 412, 422). Every
other cell is the status and the code of the refusal: \`401\` alone is \`unauthorized\`, and \`404\` alone is \`not_found\`, the same answer as for a
row that does not exist. A handshake of the WebSocket is refused with 403 for every reason.

This file is reviewed: a changed cell is a changed policy and is edited by hand. \`npm run docs\` adds a row for a new route, with the cells that
follow from its permission, its scope and the roles (\`src/auth/permissions.ts\`, \`src/auth/roles.ts\`), and changes no cell that is there. A rule of the row that the path
names may refuse more than they do; such a cell is edited by hand, too.

The rows that a path names belong to **agent**: its issue, its run, its key.

| caller | who it is |
| --- | --- |
${callers.map(({ name, means }) => line([`**${name}**`, means])).join('\n')}

${line(['route', 'permission: holders', ...callers.map(({ name }) => name)])}
${line(Array.from({ length: columnsBeforeCells + callers.length }, () => '---'))}
${body.join('\n')}
`
}
