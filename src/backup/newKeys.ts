import { randomBytes } from 'node:crypto'
import { link, mkdir, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { createKey } from '../org/agents/index.ts'
import { keyScopes } from '../platform/kernel/actor.ts'
import { systemCtx } from '../platform/db/context.ts'
import type { Store } from '../platform/db/types.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import type { LiveKey } from './endCredentials.ts'

/** A file of secrets that appears when it is whole. @throws an error with a sentence for the operator when it exists or cannot be written */
export async function writeSecretLines(file: string, lines: readonly object[]): Promise<void> {
  const partial = `${file}.partial-${randomBytes(6).toString('hex')}`
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    const handle = await open(partial, 'wx', 0o600)
    try {
      await handle.writeFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(partial, file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw startProblem(code === 'EEXIST' ? `${file} exists: name a new file` : `${file} cannot be written: ${message}`, error)
  } finally {
    await rm(partial, { force: true })
  }
}

/**
 * Issues the keys of agents anew, with the names, scopes and ends of those that died, and writes them to a file of mode 0600.
 * @returns how many
 */
export async function issueKeys(store: Store, dead: readonly LiveKey[], file: string): Promise<number> {
  const lines: object[] = []
  for (const { companyId, agentId, agentName, name, expiresAt, scopes } of dead) {
    const limits = {
      ...(expiresAt === null ? {} : { expiresAt }),
      ...(scopes === null ? {} : { scopes: keyScopes.filter((scope) => scopes.includes(scope)) }),
    }
    try {
      const { token } = await createKey(systemCtx(store, companyId, 'restore'), agentId, { name, ...limits })
      lines.push({ companyId, agentId, agentName, name, token })
    } catch (error) {
      // A terminated agent gets no key, nor does one in quarantine.
      if (!(error instanceof Refusal)) throw error
    }
  }
  if (lines.length > 0) await writeSecretLines(file, lines)
  return lines.length
}
