import { tmpdir } from 'node:os'
import path from 'node:path'

/** Where agents of tests work that name no folder; one per suite, for another may be run at the same time by another user. */
export const workFolder = path.join(tmpdir(), `paperclip-work-${process.pid}`)

/** The home that `readyHome.ts` copies, made when the first test of a run asks for one. */
export const readyHomeFolder = path.join(tmpdir(), `paperclip-ready-${process.pid}`)
