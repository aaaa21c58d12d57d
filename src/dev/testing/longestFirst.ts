import path from 'node:path'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

/**
 * The files that take longest, the longest first. A long file that began last would run alone, with every other core idle, and a machine without
 * a memory of earlier runs would begin with the files of most letters.
 */
export const longestFiles: readonly string[] = [
  'dev/hostile/hostile.process',
  'dev/testing/permissions',
  'server/server.process',
  'testing/lifetime.process',
  'server/server.browser',
  'org/peoplePages/peoplePages.browser',
  'dev/testing/largestInputs',
  'adapters/isolation/standIns.process',
  'server/isolation.process',
  'platform/embedded/embedded.process',
  'adapters/isolation/agentFolders.process',
  'server/log.process',
  'platform/embedded/checkout.process',
  'dev/testing/fuzz',
  'server/runKeys.process',
  'adapters/isolation/isolation.process',
  'launch/start.process',
  'server/loss.process',
  'server/unread.process',
  'server/guesses.process',
  'control/routines/tick',
  'server/hangup.process',
  'control/portability/largest',
  'server/masterKey.process',
  'adapters/worktrees/worktrees.process',
  'control/lifecycle/manyRows',
  'server/webhooks.process',
  'server/admin.process',
  'backup/restore',
  'http/traffic',
]

const rankOf = new Map(longestFiles.map((name, rank) => [path.resolve(import.meta.dirname, '../..', `${name}.test.ts`), rank]))

/** The order of files in a run: the longest first, and the others as Vitest has them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => rankOf.get(moduleId) ?? Infinity
    const others = await super.sort(files)
    return others.toSorted((one, other) => (rank(one) === rank(other) ? 0 : rank(one) - rank(other)))
  }
}
