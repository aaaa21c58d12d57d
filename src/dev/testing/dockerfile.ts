// Reads a Dockerfile and the ignore file beside it, as far as the tests of doc/deploy need them.

import { readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'

/** One instruction of a Dockerfile; its lines are joined. */
export interface Instruction {
  readonly name: string
  readonly text: string
}

/** The instructions of a Dockerfile, stage by stage; each stage begins with its FROM. */
export function stagesOf(text: string): Instruction[][] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(?:#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  const stages: Instruction[][] = []
  for (const line of lines) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, text: rest })
  }
  return stages
}

/** The instructions of one name. */
export const named = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ text }) => text)

/** The words of an instruction in exec form. @throws SyntaxError for the form of a shell */
export const execForm = (text: string): string[] => JSON.parse(text) as string[]

/** The files that a COPY without options takes from the build's context. */
export const sourcesOf = (text: string): string[] => (text.startsWith('--') ? [] : text.split(/\s+/).slice(0, -1))

/** One line of an ignore file as an expression: `*` within a folder, `**` across folders, and everything below what it names. */
const patternOf = (line: string): RegExp => {
  const parts = line.split(/(\*\*\/|\*)/).map((part) => {
    if (part === '**/') return '(?:.*/)?'
    return part === '*' ? '[^/]*' : part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
  })
  return new RegExp(`^${parts.join('')}(?:/.*)?$`)
}

/** Whether an ignore file leaves a path of the context out. The last line that fits decides. */
export function isLeftOut(ignoreText: string, file: string): boolean {
  let isOut = false
  for (const line of ignoreText.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    if (patternOf(line.replace(/^!/, '')).test(file)) isOut = !line.startsWith('!')
  }
  return isOut
}

/** Every file below a path of the context, or the file itself. */
export function filesBelow(root: string, file: string): string[] {
  if (!statSync(path.join(root, file)).isDirectory()) return [file]
  return readdirSync(path.join(root, file)).flatMap((name) => filesBelow(root, path.join(file, name)))
}

export const readText = (...parts: readonly string[]): string => readFileSync(path.join(...parts), 'utf8')
