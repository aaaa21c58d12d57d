import { z } from 'zod'
import type { Finding, Mended } from '../../doctor/index.ts'
import type { healthView } from '../../observe/instance/health.ts'
import type { Config } from '../../server/config.ts'
import { untilAborted } from '../../platform/kernel/untilAborted.ts'
import { command } from '../command.ts'
import { openDatabaseOf, readConfigOf } from '../database.ts'
import type { OpenedDatabase } from '../database.ts'
import type { Io } from '../io.ts'
import { EXIT, interruptedBy, interruptedWith, problemOf } from '../problem.ts'
import type { ExitCode } from '../problem.ts'
import { oneLine, toned } from '../screen.ts'
import { runningServerOf } from '../server.ts'

type Health = z.output<typeof healthView>

interface Report {
  readonly findings: readonly Finding[]
  readonly mended: readonly Mended[]
  /** Mends that failed, in words. */
  readonly failed: readonly string[]
  /** Whether the rows of the database were looked at. */
  readonly checkedDatabase: boolean
}

/** A server that keeps its file in the home; null where none does, or it does not answer. */
async function serverOf(io: Io): Promise<{ readonly url: string; readonly health: Health | null } | null> {
  const running = runningServerOf(io.home)
  if (running === null) return null
  const answer = await fetch(`${running.url}/api/health`, { signal: AbortSignal.timeout(5000), redirect: 'error' }).catch(() => null)
  const health = (await answer?.json().catch(() => null)) as Health | null | undefined
  return { url: running.url, health: answer?.ok === true ? (health ?? null) : null }
}

async function serverFindings(server: Awaited<ReturnType<typeof serverOf>>): Promise<Finding[]> {
  const { degradedServer, findingOf, silentServer, unisolatedAgents } = await import('../../doctor/index.ts')
  if (server === null) return []
  const { url, health } = server
  if (health === null) return [findingOf(silentServer, `no server answers at ${url}`)]
  // Another program may have the port of a server that died.
  if (!Array.isArray(health.causes) || typeof health.agentIsolation?.kind !== 'string')
    return [findingOf(silentServer, `what answers at ${url} is not this server`)]
  return [
    ...(health.condition === 'ok' ? [] : [findingOf(degradedServer, ...health.causes.map((cause) => cause.replaceAll('_', ' ')))]),
    ...(health.agentIsolation.kind === 'none' ? [findingOf(unisolatedAgents, health.agentIsolation.reason)] : []),
  ]
}

/** Gives this process the master keys of the home. @returns whether there are any */
async function useKeysOf({ home, secretsMasterKey }: Config): Promise<boolean> {
  const { useMasterKeys } = await import('../../org/vault/index.ts')
  const { readKeptSecret } = await import('../../platform/home/secret.ts')
  const { MASTER_KEY_FILE } = await import('../../server/masterKeyAccess.ts')
  try {
    useMasterKeys({ read: () => secretsMasterKey ?? readKeptSecret(home, MASTER_KEY_FILE) ?? '', write: null })
    return true
  } catch {
    return false
  }
}

async function databaseReport(config: Config, opened: OpenedDatabase, options: Options): Promise<Report> {
  const { diagnoseDatabase, diagnoseSchema, mendAll } = await import('../../doctor/index.ts')
  const { auditKeyFile, openHeadFile } = await import('../../observe/audit/index.ts')
  const { readKeptSecret } = await import('../../platform/home/secret.ts')
  const schema = opened.ownerPool === null ? null : await diagnoseSchema(opened.ownerPool).catch(() => null)
  if (schema !== null) return { findings: schema, mended: [], failed: [], checkedDatabase: false }
  const hasHeads = ((): boolean => {
    try {
      return readKeptSecret(config.home, auditKeyFile) !== null
    } catch {
      return false
    }
  })()
  const facts = {
    heads: hasHeads ? openHeadFile(config.home) : null,
    hasKeys: await useKeysOf(config),
    verifiesChains: !options.skipChains,
    signal: options.signal,
  }
  const found = await diagnoseDatabase(opened.store.read, facts)
  if (!options.fix) return { findings: found, mended: [], failed: [], checkedDatabase: true }
  const { mended, failed } = await mendAll(opened.store, found, options.signal)
  // The chains were not touched, so they are not read twice.
  const kept = found.filter(({ id }) => id.startsWith('audit.'))
  const again = await diagnoseDatabase(opened.store.read, { ...facts, verifiesChains: false })
  const present = new Set(again.map(({ id }) => id))
  return { findings: [...again, ...kept.filter(({ id }) => !present.has(id))], mended, failed, checkedDatabase: true }
}

interface Options {
  readonly fix: boolean
  readonly strict: boolean
  readonly skipChains: boolean
  readonly signal: AbortSignal
}

async function examine(io: Io, options: Options): Promise<Report & { readonly isReached: boolean }> {
  const { diagnoseHost, findingOf, unreachableDatabase, wrongConfiguration } = await import('../../doctor/index.ts')
  const server = await serverOf(io)
  const read = await readConfigOf(io)
  const address = server?.health != null || 'problems' in read ? null : { host: read.config.host, port: read.config.port }
  const findings = [...(await diagnoseHost(io.home, address)), ...(await serverFindings(server))]
  const none = { mended: [], failed: [], checkedDatabase: false }
  if ('problems' in read) return { ...none, findings: [...findings, findingOf(wrongConfiguration, ...read.problems)], isReached: false }
  let opened: OpenedDatabase
  try {
    opened = await openDatabaseOf(read.config)
  } catch (error) {
    const problem = problemOf(error)
    if (problem === null) throw error
    return { ...none, findings: [...findings, findingOf(unreachableDatabase, problem.facts.message)], isReached: false }
  }
  try {
    const report = await databaseReport(read.config, opened, options)
    return { ...report, findings: [...findings, ...report.findings], isReached: true }
  } finally {
    await opened.close()
  }
}

function textOf(io: Io, { findings, mended, failed }: Report): string {
  const blocks = findings.map(({ id, level, count, meaning, remedy, mends, subjects }) => {
    const title = `${toned(io.screen, level === 'fault' ? 'bad' : 'warning', level)} ${toned(io.screen, 'strong', id)}${count > 1 ? ` (${count})` : ''}`
    const more = count > subjects.length ? [`  and ${count - subjects.length} more`] : []
    return [
      title,
      `  ${meaning}`,
      ...subjects.map(({ what }) => `  - ${oneLine(what)}`),
      ...more,
      `  Remedy: ${remedy}`,
      ...(mends === null ? [] : [`  --fix: ${mends}`]),
    ].join('\n')
  })
  const done = mended.map(({ id, count }) => `${toned(io.screen, 'good', 'mended')} ${id}${count > 1 ? ` (${count})` : ''}`)
  const not = failed.map((what) => `${toned(io.screen, 'bad', 'not mended')} ${oneLine(what)}`)
  const end = findings.length === 0 ? ['Nothing is wrong.'] : []
  return [...done, ...not, ...blocks, ...end].join('\n\n')
}

const exitOf = ({ findings, failed, isReached }: Report & { readonly isReached: boolean }, strict: boolean): ExitCode => {
  if (!isReached) return EXIT.unreachable
  const isBad = failed.length > 0 || findings.some(({ level }) => strict || level === 'fault')
  return isBad ? EXIT.bad : EXIT.done
}

export const doctorCommand = command({
  name: 'doctor',
  summary: 'Look for what breaks in practice: the host, the home, the database, every invariant that SQL can ask',
  details:
    'Each finding has an id that never changes, what it means and its remedy (doc/COMMANDS.md lists all). It works beside a running server and ' +
    'without one: then it starts the Postgres of the home for as long as it works. The exit code is 1 when there is a fault, and 3 when the ' +
    'database is not reached.',
  example: ['paperclip-server doctor', 'paperclip-server doctor --fix', 'paperclip-server doctor --json --strict | jq -r ".findings[].id"'],
  options: z.object({
    fix: z.boolean().default(false).describe('mend what can be mended; each change is audited'),
    strict: z.boolean().default(false).describe('the exit code is 1 for warnings, too'),
    skipChains: z.boolean().default(false).describe('do not recompute the audit chains, which reads the whole audit log'),
  }),
  database: true,
  run: async (io, options) => {
    const { isReached, ...report } = await untilAborted(examine(io, { ...options, signal: io.signal }), io.signal).catch(
      (error: unknown) => {
        if (interruptedBy(io.signal) === null) throw error
        throw interruptedWith(options.fix ? 'what was mended until then is mended and audited' : 'not every check was made')
      },
    )
    return { data: report, text: textOf(io, report), exit: exitOf({ ...report, isReached }, options.strict) }
  },
})
