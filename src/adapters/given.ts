// The files that a run is given: the instructions of its agent and its skills. They are texts of the database, written to a folder of the run.
import type { RunFiles } from './isolation/index.ts'

/** A text and its path below its folder. */
export interface TextFile {
  readonly path: string
  readonly content: string
}

/** The texts of an agent for one run of it. */
export interface Given {
  /** Null for an agent without instructions of this server. */
  readonly instructions: { readonly entryFile: string; readonly files: readonly TextFile[] } | null
  readonly skills: readonly { readonly name: string; readonly description: string | null; readonly files: readonly TextFile[] }[]
}

const INSTRUCTIONS = 'instructions'
const SKILLS = 'skills'

/** Names of the variables by which a run finds its files, and what each says. */
export const givenVariables = {
  PAPERCLIP_INSTRUCTIONS_DIR: 'The folder with the instructions of the agent, where it has some; read-only, of this run',
  PAPERCLIP_INSTRUCTIONS_FILE: 'The file of it to begin with',
  PAPERCLIP_SKILLS_DIR: 'The folder with a folder for each skill of the agent, where it has some; read-only, of this run',
} as const satisfies Readonly<Record<string, string>>

/** The files of a run, and the variables that name their folder; null for a run that gets none. */
export function runFilesOf(given: Given | undefined): RunFiles | null {
  const { instructions = null, skills = [] } = given ?? {}
  if (instructions === null && skills.length === 0) return null
  return {
    files: [
      ...(instructions?.files ?? []).map(({ path, content }) => ({ path: `${INSTRUCTIONS}/${path}`, content })),
      ...skills.flatMap(({ name, files }) => files.map(({ path, content }) => ({ path: `${SKILLS}/${name}/${path}`, content }))),
    ],
    variables: (folder) => ({
      ...(instructions === null
        ? {}
        : {
            PAPERCLIP_INSTRUCTIONS_DIR: `${folder}/${INSTRUCTIONS}`,
            PAPERCLIP_INSTRUCTIONS_FILE: `${folder}/${INSTRUCTIONS}/${instructions.entryFile}`,
          }),
      ...(skills.length === 0 ? {} : { PAPERCLIP_SKILLS_DIR: `${folder}/${SKILLS}` }),
    }),
  }
}

/** The parts of a prompt about the files: the entry file itself, and where the others are. */
export function givenText(given: Given | undefined): string[] {
  const { instructions = null, skills = [] } = given ?? {}
  const entry = instructions?.files.find(({ path }) => path === instructions.entryFile)
  const parts: string[] = []
  if (entry !== undefined) parts.push(entry.content)
  if (instructions !== null)
    parts.push(
      `Your instructions are the files in $PAPERCLIP_INSTRUCTIONS_DIR (read-only). The entry file is ${instructions.entryFile}${entry === undefined ? ', which does not exist' : ', whose text stands above'}.`,
    )
  if (skills.length > 0)
    parts.push(
      [
        'You have these skills. Read the file of one before you do what it is about:',
        ...skills.map(
          ({ name, description }) => `- ${name}${description === null ? '' : `: ${description}`} ($PAPERCLIP_SKILLS_DIR/${name}/SKILL.md)`,
        ),
      ].join('\n'),
    )
  return parts
}
