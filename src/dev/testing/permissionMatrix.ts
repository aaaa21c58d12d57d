import { permissions } from '../../auth/permissions.ts'
import type { Route } from '../../http/route.ts'
import { sendRequest } from './rawRequest.ts'
import { arrangesAgent, buildRequest, endsCompany, endsSession } from './exampleRequests.ts'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import { peoplePersonas, personas } from './personas.ts'
import type { ApiUnderTest, Fixtures, FixtureRows } from './contractFixtures.ts'
import type { Persona } from './personas.ts'
import type { Reply } from './rawRequest.ts'

/**
 * Whether a persona got through: 401, 403, 404 and the 422 for another's run are a no to who asks; any other refusal is
 * about what was asked.
 */
export type Cell = 'yes' | '401' | '403' | '404' | '422' | `broken: ${string}`

export interface Row {
  readonly route: Route
  readonly cells: readonly Cell[]
}

const otherRunCodes = new Set(['run_id_mismatch', 'run_unknown'])

function cellOf({ status, text, body }: Reply): Cell {
  if (status === 401 || status === 403 || status === 404) return `${status}`
  if (status === 422 && otherRunCodes.has(body.code)) return '422'
  return status >= 500 ? `broken: ${status} ${text}` : 'yes'
}

/** Every persona changes something where a secret in the request is the proof. */
const isPublic = ({ permission }: Route): boolean => (permissions[permission] as readonly string[]).includes('public')

const columns = [...personas, ...peoplePersonas]

/** Calls every route as every persona. A persona that may change something gets its own rows, so that no cell depends on another. */
export async function measureMatrix(api: ApiUnderTest, routes: readonly Route[]): Promise<Row[]> {
  const fixtures = await createFixtures(api)
  const sharedRows = await createFixtureRows(fixtures)
  const cell = async (route: Route, persona: Persona): Promise<Cell> => {
    const needsOwnRows = route.method !== 'get' && (!persona.isReadOnly || isPublic(route) || arrangesAgent(route) || endsSession(route))
    const targetFixtures: Fixtures = needsOwnRows && (endsCompany(route) || endsSession(route)) ? await createFixtures(api) : fixtures
    const rows: FixtureRows = needsOwnRows ? await createFixtureRows(targetFixtures) : sharedRows
    const request = await buildRequest(api, route, rows)
    const reply = await sendRequest(api.url, { ...request, headers: persona.headers(targetFixtures, rows) })
    return cellOf(reply)
  }
  const results: Row[] = []
  for (const route of routes) results.push({ route, cells: await Promise.all(columns.map((persona) => cell(route, persona))) })
  return results
}

const byPath = (a: Row, b: Row): number =>
  a.route.path === b.route.path ? (a.route.method < b.route.method ? -1 : 1) : a.route.path < b.route.path ? -1 : 1

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** Renders the table that is reviewed. */
export function renderMatrix(rows: readonly Row[]): string {
  const body = rows
    .toSorted(byPath)
    .map(({ route, cells }) =>
      line([
        `\`${route.method.toUpperCase()} ${route.path.replace(/^\/api/, '')}\``,
        `${route.permission}: ${permissions[route.permission].join(' ')}`,
        ...cells,
      ]),
    )
  return `# Who may ask what

Measured, not declared: every route was called as every persona, over HTTP. \`yes\` means that the request was not refused for who
sent it; it may still be refused for what it asks (400, 409, 412, 422). A \`422\` in a cell: the path
names another's run. Paths are below \`/api\`.

The rows a path names belong to **agent** (its issue, its run, its key). **run** speaks with the token of agent's run, **peer**,
**creator** and **ceo** are other agents of the same company, **outsider** is a run of another one. **anonymous** has no
credential and comes through a proxy; a bearer that is unknown or revoked is refused, and never the board.

The last columns are people who signed in: **stranger** is a member of no company, **viewer** to **owner** have that role in the
company of the rows, **administrator** administers the instance.

This file is reviewed: a changed cell is a changed policy. \`src/dev/testing/contract.test.ts\` compares it and prints what
differs; it is edited by hand, one row for a new route. The second column is the route's row in \`src/auth/permissions.ts\`.

${line(['route', 'permission: holders', ...columns.map(({ name }) => name)])}
${line(['---', '---', ...columns.map(() => '---')])}
${body.join('\n')}
`
}
