// The memory of a server whose callers do not read.

import { expect, test } from 'vitest'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import { startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { measureUnread } from '../dev/testing/unreadCallers.ts'

/** Long enough for every caller to have asked for its answers. */
const DURATION_MS = isFullCheck ? 10_000 : 4000
const MAX_MORE_MB = 300

test.skipIf(process.platform !== 'linux')(
  'Fifty callers that ask for the largest answers and never read take at most 300 MB (I22)',
  async () => {
    const server = startServerProcess({ home: await fillHome(temporaryHome()) })
    const { beforeMb, peakMb } = await measureUnread({ url: await server.url(), pid: server.pid }, DURATION_MS)
    expect(peakMb - beforeMb).toBeLessThan(MAX_MORE_MB)
    expect((await server.stop()).code).toBe(0)
  },
  120_000,
)
