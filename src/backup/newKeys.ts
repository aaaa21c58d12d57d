import { existsSync } from 'node:fs'
import { access, constants, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { createKey } from '../org/agents/index.ts'
import { keyScopes } from '../platform/kernel/actor.ts'
import { systemCtx } from '../platform/db/context.ts'
import type { Store } from '../platform/db/types.ts'
import { createPrivateFile } from '../platform/home/privateFile.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import type { LiveKey } from './plan.ts'

/** A file of secrets that appears when it is whole. @throws an error with a sentence for the operator when it exists or cannot be written */
export async function writeSecretLines(file: string, lines: readonly object[]): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    createPrivateFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw startProblem(code === 'EEXIST' ? `${file} exists: name a new file` : `${file} cannot be written: ${message}`, error)
  }
}

/**
 * Looks at the file for new keys before anything is done: it is written last, and a refusal then would come too late.
 * @throws an error with a sentence for the operator when it exists, or its folder cannot be written
 */
export async function requireNewKeysFile(file: string | null): Promise<void> {
  if (file === null) return
  if (existsSync(file)) throw startProblem(`${file} exists: name a new file for the keys of agents (--agent-keys), or move this one away`)
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    await access(path.dirname(file), constants.W_OK)
  } catch (error) {
    throw startProblem(`${file}, the file for the keys of agents, cannot be written: ${(error as Error).message}`, error)
  }
}

/**
 * Issues the keys of agents anew, with the names, scopes and ends of those that died, and writes them to a file of mode 0600.
 * @returns how many
 */
export async function issueKeys(store: Store, dead: readonly LiveKey[], file: string, signal?: AbortSignal): Promise<number> {
  const lines: object[] = []
  for (const { companyId, agentId, agentName, name, expiresAt, scopes } of dead) {
    signal?.throwIfAborted()
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
  // A repeat finds the file, or issues all of them again.
  signal?.throwIfAborted()
  if (lines.length > 0) await writeSecretLines(file, lines)
  return lines.length
}
