import { createLabelBody } from '../../org/labels/index.ts'
import { createTurns } from '../../platform/kernel/turns.ts'
import { plain } from './coerce.ts'
import { withoutMark } from './frontMatter.ts'
import { jsonProblem } from './jsonSize.ts'
import { MAX_FILES } from './limits.ts'
import { isPlainScalar, readYaml } from './yaml.ts'
import type { YamlBudget, YamlResult } from './yaml.ts'

/** The file with the fields that front matter does not have. This server writes it as JSON, which is also YAML. */
export const EXTENSION_PATH = '.paperclip.yaml'
export const EXTENSION_SCHEMA = 'paperclip-server/v1'

type Fields = Readonly<Record<string, unknown>>

/** The fields of entries that their documents do not have, by kind and by slug. */
export interface Extension {
  readonly company?: Fields | null
  readonly agents?: Readonly<Record<string, Fields | null>> | null
  readonly projects?: Readonly<Record<string, Fields | null>> | null
  readonly tasks?: Readonly<Record<string, Fields | null>> | null
  /** The tasks that come back. */
  readonly routines?: Readonly<Record<string, Fields | null>> | null
  readonly goals?: Readonly<Record<string, Fields | null>> | null
  readonly labels?: Fields | null
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isPlainScalar(value)
const isFieldsOrNothing = (value: unknown): boolean => value === undefined || value === null || isFields(value)
const isEntries = (value: unknown): boolean => isFieldsOrNothing(value) && Object.values(value ?? {}).every(isFieldsOrNothing)

// Not a schema: it would copy a hundred thousand entries, of which only those that have a document are read and validated.
const isExtension = (value: unknown): value is Extension =>
  isFields(value) &&
  isFieldsOrNothing(value['company']) &&
  isFieldsOrNothing(value['labels']) &&
  [value['agents'], value['projects'], value['tasks'], value['routines'], value['goals']].every(isEntries)

/** Reads a text as JSON if it is JSON, which costs a hundredth, and otherwise as YAML. */
async function readJsonOrYaml(text: string, budget: YamlBudget): Promise<YamlResult> {
  if (/^\s*\{/.test(text)) {
    const turns = createTurns()
    const problem = jsonProblem(text)
    if (problem !== null) return { problem }
    await turns.yieldIfDue()
    try {
      const value: unknown = JSON.parse(text)
      await turns.yieldIfDue()
      return { value, problem: null }
    } catch {
      // A map of YAML in braces.
    }
  }
  return await readYaml(text, budget)
}

/** Reads the extension file. A file that cannot be read is an error: without it agents would lose their adapters. */
export async function parseExtension(text: string | undefined, budget: YamlBudget, errors: string[]): Promise<Extension> {
  const read = await readJsonOrYaml(withoutMark(text ?? ''), budget)
  if (read.problem !== null) errors.push(`${EXTENSION_PATH} cannot be read: ${read.problem}`)
  const value = read.problem === null ? (read.value ?? {}) : {}
  if (isExtension(value)) return value
  errors.push(`${EXTENSION_PATH} must be a map of company, agents, projects, tasks, routines, goals and labels, each of them a map`)
  return {}
}

const takenKeys = new Set(['schema', 'company', 'agents', 'projects', 'tasks', 'routines', 'goals', 'labels'])

/** The keys of the extension that nothing is made of: unknown ones, and entries without a document. */
export function untakenKeys(
  extension: Extension,
  slugs: Readonly<Record<'agents' | 'projects' | 'tasks' | 'routines', ReadonlySet<string>>>,
): string[] {
  const unknown = Object.keys(extension).filter((key) => !takenKeys.has(key))
  const without = (['agents', 'projects', 'tasks', 'routines'] as const).flatMap((kind) =>
    Object.keys(extension[kind] ?? {})
      .filter((slug) => !slugs[kind].has(slug))
      .map((slug) => `${kind}.${slug}`),
  )
  return [...unknown, ...without].map((key) => key.slice(0, 100))
}

/** Colours of labels by name in lower case. */
export const labelColorsOf = (extension: Extension): Record<string, string> =>
  Object.fromEntries(
    Object.entries(extension.labels ?? {})
      .slice(0, MAX_FILES)
      .map(([name, color]): [string, unknown] => [name, plain(color)])
      .filter((entry): entry is [string, string] => createLabelBody.shape.color.safeParse(entry[1]).success)
      .map(([name, color]) => [name.toLowerCase(), color]),
  )
