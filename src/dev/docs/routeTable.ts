import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from 'oxc-parser'
import type { Route } from '../../http/route.ts'
import { findAll, isNode, stringOf } from './syntax.ts'
import type { Node } from './syntax.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const METHODS: Readonly<Record<string, string>> = { get: 'GET', post: 'POST', patch: 'PATCH', put: 'PUT', del: 'DELETE' }

/** Where one route is declared, and the function that answers it. */
interface Declaration {
  readonly file: string
  readonly handler: string
}

const routeFiles = (): string[] =>
  readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\/(\w+R|r)outes\.ts$/.test(file) && !file.startsWith('server/'))
    .map((file) => `src/${file}`)
    .toSorted()

const nameOf = (node: unknown): string | null => (isNode(node) && node.type === 'Identifier' ? String(node['name']) : null)

/** The first function of another file that a handler calls: the verb behind the route. */
function handlerOf(declaration: Node, imported: ReadonlySet<string>): string {
  const [handle] = findAll(declaration, (node) => node.type === 'Property' && nameOf(node['key']) === 'handle')
  const calls = findAll(handle, (node) => node.type === 'CallExpression').map((call) => nameOf(call['callee']))
  return calls.find((name) => name !== null && imported.has(name)) ?? 'in the declaration'
}

function declarationsIn(file: string): [string, Declaration][] {
  const { program } = parseSync(file, readFileSync(path.join(root, file), 'utf8'))
  const imported = new Set(
    findAll(program, (node) => node.type === 'ImportSpecifier').flatMap((node) => {
      const name = nameOf(node['local'])
      return name === null ? [] : [name]
    }),
  )
  return findAll(program, (node) => node.type === 'CallExpression' && (nameOf(node['callee']) ?? '') in METHODS).flatMap((call) => {
    const [template, spec] = call['arguments'] as unknown[]
    const pathTemplate = stringOf(template)
    const method = METHODS[nameOf(call['callee']) ?? '']
    if (pathTemplate === null || method === undefined || !isNode(spec)) return []
    return [[`${method} ${pathTemplate}`, { file, handler: handlerOf(spec, imported) }] as [string, Declaration]]
  })
}

/**
 * Renders which file declares a route, which function answers it, and who may call it.
 * @throws when a route of the program stands in no `routes.ts`, or in two
 */
export function renderRoutes(routes: readonly Route[]): string {
  const declared = new Map<string, Declaration>()
  for (const [name, declaration] of routeFiles().flatMap(declarationsIn)) {
    if (declared.has(name)) throw new Error(`${name} is declared twice`)
    declared.set(name, declaration)
  }
  const rows = routes
    .map((route) => ({
      method: route.method === 'delete' ? 'DELETE' : route.method.toUpperCase(),
      path: route.path,
      permission: route.permission,
    }))
    .toSorted((a, b) => (a.path === b.path ? a.method.localeCompare(b.method) : a.path < b.path ? -1 : 1))
    .map(({ method, path: template, permission }) => {
      const declaration = declared.get(`${method} ${template}`)
      if (declaration === undefined) throw new Error(`${method} ${template} is declared in no routes.ts`)
      return `| ${method} | \`${template}\` | ${declaration.file} | \`${declaration.handler}\` | \`${permission}\` |`
    })
  return `# Routes

Written by \`npm run docs\` from the declarations in \`src/**/routes.ts\`. A route is declared in the room that owns its verb, which
is not always the noun of its path. Who holds a permission stands in \`permissions.md\`; schemas and refusals stand in
\`openapi.json\`.

| method | path | declared in | answered by | permission |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}
