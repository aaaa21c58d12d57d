// The configurations and programs of adapters, as data: doc/generated/adapters.md is written from it.
import { z } from 'zod'
import { adapterTypes } from '../model/adapterTypes.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import { httpConfig } from './http.ts'
import { localPrograms } from './localPrograms.ts'
import type { LocalConfig, Program } from './localPrograms.ts'
import { openclawConfig } from './openclawGateway.ts'
import { processConfig } from './process.ts'

/** The schema of `adapterConfig` of each adapter. Fields have a description, and other fields have no effect. */
export const adapterConfigs = {
  process: processConfig,
  http: httpConfig,
  claude_local: localPrograms.claude_local.schema,
  codex_local: localPrograms.codex_local.schema,
  gemini_local: localPrograms.gemini_local.schema,
  opencode_local: localPrograms.opencode_local.schema,
  pi_local: localPrograms.pi_local.schema,
  cursor: localPrograms.cursor.schema,
  openclaw_gateway: openclawConfig,
  hermes_local: localPrograms.hermes_local.schema,
} as const satisfies Readonly<Record<AdapterType, z.ZodObject>>

/**
 * `adapterConfig` for the API document: one alternative for each adapter, in the order of `adapterTypes`, with the type as its title. No
 * field is required: what a run needs may be stored later, and other fields are kept.
 */
export const adapterConfigUnion = {
  anyOf: adapterTypes.map((type) => {
    const { properties } = z.toJSONSchema(adapterConfigs[type], { io: 'input', unrepresentable: 'any' })
    return { title: type, type: 'object', properties }
  }),
}

/** A program that a local adapter starts, as a document shows it. */
export interface DocumentedProgram {
  readonly type: AdapterType
  /** The whole command line without any field of the configuration. */
  readonly commandLine: readonly string[]
  /** The same when it resumes the session `SESSION`. */
  readonly resumed: readonly string[]
  readonly signIn: readonly string[]
  readonly settings: readonly string[]
  readonly variables: readonly string[]
}

function documented<Config extends LocalConfig>(type: AdapterType, program: Program<Config>): DocumentedProgram {
  const config = program.schema.parse({})
  const commandLine = (resume: string | null): readonly string[] => [
    program.command,
    ...program.args(config, resume),
    ...(program.promptArgument === undefined ? [] : [program.promptArgument('PROMPT')]),
  ]
  return { type, commandLine: commandLine(null), resumed: commandLine('SESSION'), ...program.needs }
}

/** The program of each local adapter. */
export const documentedPrograms: readonly DocumentedProgram[] = [
  documented('claude_local', localPrograms.claude_local),
  documented('codex_local', localPrograms.codex_local),
  documented('gemini_local', localPrograms.gemini_local),
  documented('opencode_local', localPrograms.opencode_local),
  documented('pi_local', localPrograms.pi_local),
  documented('cursor', localPrograms.cursor),
  documented('hermes_local', localPrograms.hermes_local),
]
