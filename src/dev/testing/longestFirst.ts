import path from 'node:path'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

/**
 * The files that take longest, the longest first. A long file that began last would run alone, with every other core idle, and a machine without
 * a memory of earlier runs would begin with the files of most letters.
 */
export const longestFiles: readonly string[] = [
  'dev/hostile/hostile',
  'dev/testing/permissions',
  'server/process',
  'testing/lifetime',
  'server/process.browser',
  'org/peoplePages/browser',
  'dev/testing/largestInputs',
  'adapters/isolation/standIns',
  'server/process.isolation',
  'platform/embedded/embedded',
  'adapters/isolation/agentFolders',
  'server/process.log',
  'platform/embedded/checkout',
  'dev/testing/fuzz',
  'server/process.runKeys',
  'adapters/isolation/isolation',
  'launch/start',
  'server/process.loss',
  'server/process.unread',
  'server/process.guesses',
  'control/routines/tick',
  'server/process.hangup',
  'control/portability/largest',
  'server/process.masterKey',
  'adapters/worktrees/worktrees',
  'control/lifecycle/manyRows',
  'server/process.webhooks',
  'server/admin',
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
