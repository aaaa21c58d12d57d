/** A node of a syntax tree, as the parser returns it. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value

/** Every node below a value that a condition accepts, in the order of the source text. */
export function findAll(value: unknown, accepts: (node: Node) => boolean): Node[] {
  if (Array.isArray(value)) return value.flatMap((item) => findAll(item, accepts))
  if (!isNode(value)) return []
  const below = Object.values(value).flatMap((child) => findAll(child, accepts))
  return accepts(value) ? [value, ...below] : below
}

/** The text of a string literal; what a template inserts is shown as `…`. Null for anything else. */
export function stringOf(node: unknown): string | null {
  if (!isNode(node)) return null
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value']
  if (node.type !== 'TemplateLiteral') return null
  return (node['quasis'] as { value: { cooked: string } }[]).map((part) => part.value.cooked).join('…')
}

/** The name under a chain of calls and members: `test` of `test.each(rows)`. */
export function rootName(node: unknown): string | null {
  if (!isNode(node)) return null
  if (node.type === 'Identifier') return String(node['name'])
  if (node.type === 'MemberExpression') return rootName(node['object'])
  return node.type === 'CallExpression' ? rootName(node['callee']) : null
}
