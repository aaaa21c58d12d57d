import { z } from 'zod'
import { fieldProblems } from '../../adapters/index.ts'
import { isSecretUnder } from '../../platform/kernel/secretNames.ts'

/** Something in a configuration that a person should look at before they approve it. */
export const warningView = z.strictObject({
  code: z.enum([
    'loader_variable',
    'shell',
    'inline_code',
    'command_wrapper',
    'plain_secret',
    'secret_reference',
    'hidden_characters',
    'config_invalid',
    'config_ignored',
    'runs_elsewhere',
  ]),
  /** Where it stands in the resulting configuration, `adapterConfig.env.LD_PRELOAD`, or in a payload without one: `payload.args[1]`. */
  path: z.string(),
  message: z.string(),
})
export type Warning = z.output<typeof warningView>

/** Variables by which a loader, an interpreter, a shell or git runs other code than the command names. */
const loaderVariable =
  /^(?:(?:LD|DYLD|GIT|GLIBC|MALLOC|COREPACK|NPM_CONFIG|BUN|DENO)_\w+|PATH|NODE_(?:OPTIONS|PATH|EXTRA_CA_CERTS|REPL_EXTERNAL_MODULE)|BASH_ENV|BASH_FUNC_.*|ENV|IFS|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|ZDOTDIR|PYTHON\w+|PERL5?\w+|RUBY\w+|JAVA_TOOL_OPTIONS|_?JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|LUA_\w+|PHP_\w+|GCONV_PATH|LOCPATH|EDITOR|VISUAL|PAGER|BROWSER|SHELL|HOME|TMPDIR|SSH_ASKPASS|SSLKEYLOGFILE|(?:HTTPS?|ALL|NO)_PROXY|\w+_(?:BASE_URL|API_BASE))$/i

const shells = /^(?:sh|bash|dash|ash|zsh|ksh|mksh|fish|csh|tcsh|busybox|cmd|powershell|pwsh)(?:\.exe)?$/i
const interpreters = /^(?:node|nodejs|deno|bun|python[\d.]*|perl|ruby|php|lua|tclsh|osascript|awk|gawk)(?:\.exe)?$/i
const wrappers = /^(?:env|sudo|doas|su|nohup|setsid|nice|timeout|xargs|script|ssh|docker|podman|chroot|unshare|nsenter|npx|pnpx|bunx|uvx)$/i
const inlineFlag = /^(?:-[a-z]*[ce]|--eval|--print|-p|--command|\/c|-EncodedCommand)$/i
const shellSyntax = /\$\(|`|\|\s*\S*sh\b|[;&|]{1,2}\s*(?:curl|wget|nc|sh|bash|rm)\b/

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const baseName = (command: string): string => command.split(/[/\\]/).at(-1) ?? command

/** Characters that are not seen, or that change the order in which others are seen: what a person reads is not what runs. */
const hidden = /[\p{Cf}\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** Tabs and line breaks show in JSON as what they are. */
const plain = new Set(['\t', '\n', '\r'])

/** Most texts, which cost a tenth of the time that the search for hidden characters takes. */
const isVisible = /^[ -~\t\n\r]*$/

function warnOfHidden(text: string, path: string): Warning[] {
  if (isVisible.test(text)) return []
  const found = [...new Set(text.match(hidden))].filter((character) => !plain.has(character))
  if (found.length === 0) return []
  const names = found.slice(0, 5).map((character) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`)
  return [{ code: 'hidden_characters', path, message: `Has characters that a person does not see: ${names.join(', ')}` }]
}

function warnOfWord(word: string, path: string): Warning[] {
  const name = baseName(word)
  if (shells.test(name)) return [{ code: 'shell', path, message: `Starts the shell ${name}` }]
  if (wrappers.test(name)) return [{ code: 'command_wrapper', path, message: `${name} starts another command` }]
  if (shellSyntax.test(word)) return [{ code: 'shell', path, message: 'Has the syntax of a shell' }]
  return []
}

function warnOfCommand(config: Readonly<Record<string, unknown>>, path: string): Warning[] {
  const { command } = config
  const [program = ''] = typeof command === 'string' ? command.trim().split(/\s+/) : []
  const warnings = typeof command === 'string' ? [program, command].flatMap((word) => warnOfWord(word, `${path}.command`)).slice(0, 1) : []
  for (const key of ['args', 'extraArgs', 'commandArgs']) {
    const words = Array.isArray(config[key]) ? (config[key] as unknown[]) : []
    for (const [index, word] of words.entries()) {
      if (typeof word !== 'string') continue
      const at = `${path}.${key}[${index}]`
      warnings.push(...warnOfWord(word, at))
      if (inlineFlag.test(word) && interpreters.test(baseName(program)))
        warnings.push({ code: 'inline_code', path: at, message: `${baseName(program)} runs the text of the next argument` })
    }
  }
  return warnings
}

/** The value that a binding holds itself; null for a reference to a stored secret and for an empty one. */
function plainValue(binding: unknown): unknown {
  const value = isRecord(binding) ? (binding['type'] === 'secret_ref' ? null : binding['value']) : binding
  return value === '' ? null : value
}

const isReference = (value: unknown): value is Readonly<Record<string, unknown>> => isRecord(value) && value['type'] === 'secret_ref'

/** An agent proposes which secret it is to be given: a person knows by the id which one that is. */
const warnOfReference = ({ secretId }: Readonly<Record<string, unknown>>, path: string): Warning => ({
  code: 'secret_reference',
  path,
  message: `Runs of the agent get the value of the secret ${String(secretId).slice(0, 100)}`,
})

function warnOfNames(map: Readonly<Record<string, unknown>>, path: string, isEnv: boolean): Warning[] {
  return Object.entries(map).flatMap(([name, value]): Warning[] => {
    const at = `${path}.${name}`
    const given = isReference(value) ? [warnOfReference(value, at)] : []
    if (isEnv && loaderVariable.test(name))
      return [{ code: 'loader_variable', path: at, message: `${name} may change which code runs` }, ...given]
    if (isSecretUnder(name, plainValue(value)))
      return [{ code: 'plain_secret', path: at, message: `${name} looks like a secret and is stored as plain text` }]
    return given
  })
}

/** The most warnings of one configuration. */
const MAX_WARNINGS = 200

/** Adds what every text of a value, and every name in it, hides. */
function walkTexts(value: unknown, path: string, found: Warning[]): void {
  if (typeof value === 'string') found.push(...warnOfHidden(value, path))
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) walkTexts(item, `${path}[${index}]`, found)
  else if (isRecord(value))
    for (const [name, item] of Object.entries(value)) {
      found.push(...warnOfHidden(name, `${path}.${name}`))
      walkTexts(item, `${path}.${name}`, found)
    }
}

const hiddenIn = (value: unknown, path: string): Warning[] => {
  const found: Warning[] = []
  walkTexts(value, path, found)
  return found
}

function walk(value: unknown, path: string): Warning[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => walk(item, `${path}[${index}]`))
  if (!isRecord(value)) return []
  if (isReference(value)) return [warnOfReference(value, path)]
  const own = warnOfCommand(value, path)
  return Object.entries(value).reduce((warnings, [name, item]) => {
    const at = `${path}.${name}`
    const isMap = (name === 'env' || name === 'headers') && isRecord(item)
    return warnings.concat(isMap ? warnOfNames(item, at, name === 'env') : walk(item, at))
  }, own)
}

/** The warnings of the adapter of a configuration about its fields, as the answer to a create says it (`cases.md` K33). */
function warnOfFields({ adapterType, adapterConfig }: Readonly<Record<string, unknown>>): Warning[] {
  if (typeof adapterType !== 'string' || !isRecord(adapterConfig)) return []
  const { invalid, ignored, missing } = fieldProblems(adapterType, adapterConfig)
  return [
    ...invalid.map((problem): Warning => ({
      code: 'config_invalid',
      path: 'adapterConfig',
      message: `Runs of the agent fail: ${problem}`,
    })),
    ...ignored.map((name): Warning => ({
      code: 'config_ignored',
      path: `adapterConfig.${name}`,
      message: 'Is not a field of this adapter and has no effect',
    })),
    ...missing.map((name): Warning => ({
      code: 'runs_elsewhere',
      path: `adapterConfig.${name}`,
      message: `Without ${name} this server starts no run of the agent`,
    })),
  ]
}

/**
 * Calls out what in a configuration runs other code than it seems to: loader variables, shells, inline code, and secrets in
 * plain text; and what no run could use. It informs a person and decides nothing: an empty list is no promise.
 */
export const warningsOf = (configuration: Readonly<Record<string, unknown>> | null): Warning[] =>
  configuration === null
    ? []
    : [
        ...['name', 'adapterConfig', 'runtimeConfig'].flatMap((field) => hiddenIn(configuration[field], field)),
        ...walk(configuration['adapterConfig'], 'adapterConfig'),
        ...walk(configuration['runtimeConfig'], 'runtimeConfig'),
        ...warnOfFields(configuration),
      ].slice(0, MAX_WARNINGS)

/**
 * The same for a payload that leads to no configuration, as a question to the board: it may show a command, and its text may hide
 * characters. Paths begin with `payload`.
 */
export const warningsOfPayload = (payload: Readonly<Record<string, unknown>>): Warning[] =>
  [...hiddenIn(payload, 'payload'), ...walk(payload, 'payload')].slice(0, MAX_WARNINGS)
