// Reads the log of one run for a page: its last part first, then what is added; earlier and later parts on demand. The memory is bounded.

import { inBackground } from '../../../api/background.ts'
import { ApiProblem } from '../../../api/client.ts'
import { followFrom } from './follow.ts'
import { addBlocks, noLines } from './lines.ts'
import type { LogLine } from './lines.ts'
import { readBlock, readBlockBefore, tailOf } from './pieces.ts'
import { blockFromMiddle, blockOf, byteLength } from './records.ts'
import type { LogBlock } from './records.ts'
import { nothingRead } from './state.ts'
import type { LogState, RunFacts } from './state.ts'
import { append, emptyWindow, linesIn, prepend } from './window.ts'
import type { Bounds, LogWindow } from './window.ts'

const KEPT: Bounds = { bytes: 4 * 1024 * 1024, lines: 50_000 }
/** Pieces are shown together, so that a flood costs five renderings a second. */
const SHOW_MS = 200
const RETRY_MS = 2000
/** After this time without output, a run that is followed has written nothing yet. */
const FIRST_OUTPUT_MS = 400

/** The log of one run. */
export class LogReader {
  /** Whether the page shows the end. While it does not, nothing that it shows is dropped. */
  isPinned = true
  readonly #runId: string
  readonly #listeners = new Set<() => void>()
  #state: LogState = nothingRead
  #isEnded: boolean
  #bytes: number | null
  /** Nothing follows what the window has: the run has ended. */
  #isComplete = false
  #isStopped = false
  #pending: LogBlock[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #unfollow: (() => void) | null = null
  /** Grows with each jump. The answers for an older one are not shown. */
  #turn = 0

  constructor({ id, isEnded, logBytes }: RunFacts) {
    this.#runId = id
    this.#isEnded = isEnded
    this.#bytes = logBytes
  }

  readonly state = (): LogState => this.#state

  readonly subscribe = (listen: () => void): (() => void) => {
    this.#listeners.add(listen)
    return () => void this.#listeners.delete(listen)
  }

  /** Reads the end and follows it while the page is looked at. @returns stops */
  start(): () => void {
    const onVisibility = (): void => {
      if (document.hidden) this.#disconnect()
      else if (this.#state.isAtEnd && !this.#isComplete) this.#follow()
    }
    document.addEventListener('visibilitychange', onVisibility)
    this.#isStopped = false
    inBackground(this.toEnd())
    return () => {
      this.#isStopped = true
      this.#turn += 1
      document.removeEventListener('visibilitychange', onVisibility)
      this.#disconnect()
    }
  }

  /** Goes to the end, and follows it. */
  async toEnd(): Promise<void> {
    await this.#during(async (isWanted) => {
      const from = await tailOf(this.#runId, this.#isEnded ? this.#bytes : null)
      if (!isWanted()) return
      this.#isComplete = false
      this.#set({ window: emptyWindow(from), isAtEnd: true, isReading: true })
      this.#follow()
    })
  }

  async readEarlier(): Promise<void> {
    const { start, blocks } = this.#state.window
    if (start === 0 || blocks.length === 0 || this.#state.isReading) return
    await this.#during(async (isWanted) => {
      const block = await readBlockBefore(this.#runId, start)
      if (!isWanted()) return
      this.#flush()
      const { window } = this.#state
      const longer = prepend(window, block, KEPT)
      if (longer.end !== window.end) this.#disconnect()
      this.#set({ window: longer, isAtEnd: this.#state.isAtEnd && longer.end === window.end, isReading: false })
    })
  }

  async readLater(): Promise<void> {
    if (this.#state.isReading || this.#state.isAtEnd) return
    await this.#during((isWanted) => this.#readOn(isWanted))
  }

  /** The run has ended: after what is stored now only the last words of its processes follow. */
  runEnded(bytes: number | null): void {
    this.#isEnded = true
    this.#bytes = bytes
    const hasMore = this.#isComplete && this.#state.isAtEnd && this.#state.window.end < (bytes ?? 0)
    if (hasMore) inBackground(this.#during((isWanted) => this.#readOn(isWanted)))
  }

  /** Goes to the first line of the whole log that fits. @returns null where none fits, or another jump came between */
  async findFirst(fits: (line: LogLine) => boolean): Promise<LogLine | null> {
    let found: LogLine | null = null
    await this.#during(async (isWanted) => {
      const { start } = this.#state.window
      let before: LogBlock[] = []
      for (let offset = 0; offset < start && isWanted();) {
        const { block } = await readBlock(this.#runId, offset)
        if (!isWanted() || block.end === offset) break
        // Two blocks together, because a line may begin in one and end in the next.
        const blocks = [...before, block]
        found = addBlocks(noLines, blocks).all.find(fits) ?? null
        if (found !== null) return this.#show(append(emptyWindow(blocks[0]?.start ?? 0), blocks, KEPT))
        before = [block]
        offset = block.end
      }
      if (!isWanted()) return
      found = this.#state.window.lines.all.find(fits) ?? null
      this.#set({ isReading: false })
    })
    return found
  }

  /** Shows a part of the log that is not its end. */
  #show(window: LogWindow): void {
    this.#disconnect()
    this.#set({ window, isAtEnd: false, isReading: false })
  }

  #set(changes: Partial<LogState>): void {
    this.#state = { ...this.#state, ...changes }
    for (const listen of this.#listeners) listen()
  }

  /** Does something that the page waits for. A later one makes it unwanted. */
  async #during(work: (isWanted: () => boolean) => Promise<void>): Promise<void> {
    this.#turn += 1
    const turn = this.#turn
    this.#set({ isReading: true, problem: null })
    try {
      await work(() => turn === this.#turn)
    } catch (error) {
      if (turn !== this.#turn) return
      if (!(error instanceof ApiProblem)) throw error
      this.#set({ isReading: false, problem: error })
    }
  }

  /** Reads on behind the window. At the end of a log that may grow it follows. */
  async #readOn(isWanted: () => boolean): Promise<void> {
    const { block, hasMore } = await readBlock(this.#runId, this.#state.window.end)
    if (!isWanted()) return
    this.#isComplete = !hasMore && this.#isEnded
    this.#set({ window: append(this.#state.window, [block], KEPT), isAtEnd: !hasMore, isReading: false })
    if (!hasMore && !this.#isEnded) this.#follow()
  }

  #follow(): void {
    this.#disconnect()
    const turn = this.#turn
    const from = this.#state.window.end
    this.#unfollow = followFrom(this.#runId, from, {
      onOpen: () => {
        // A part that does not begin at the first byte is known to have something.
        if (from > 0) return
        setTimeout(() => {
          if (turn === this.#turn) this.#set({ isReading: false })
        }, FIRST_OUTPUT_MS)
      },
      onPiece: (content, end) => this.#receive(content, end),
      onEnded: () => {
        this.#unfollow = null
        this.#flush()
        this.#isEnded = true
        this.#isComplete = this.#state.isAtEnd
        this.#set({ isReading: false })
        this.runEnded(this.#bytes)
      },
      onBroken: () => {
        this.#unfollow = null
        this.#flush()
        inBackground(this.#afterBreak())
      },
    })
  }

  /** Whether the next piece is the first of a tail, and so begins in the middle of a line. */
  #isInMiddle(): boolean {
    const { blocks, start } = this.#state.window
    return start > 0 && blocks.length === 0 && this.#pending.length === 0
  }

  #receive(content: string, end: number): void {
    this.#pending.push(this.#isInMiddle() ? blockFromMiddle(content, end) : blockOf(content, end - byteLength(content)))
    this.#timer ??= setTimeout(() => this.#flush(), SHOW_MS)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const blocks = this.#pending
    this.#pending = []
    if (blocks.length === 0) return
    const { window, arrived } = this.#state
    const longer = append(window.blocks.length === 0 ? emptyWindow(blocks[0]?.start ?? 0) : window, blocks, KEPT)
    // The part that the page shows stays; the rest is read when it is scrolled to.
    if (!this.isPinned && window.blocks.length > 0 && longer.start !== window.start) return this.#show(window)
    this.#set({ window: longer, isReading: false, arrived: arrived + blocks.reduce((sum, block) => sum + linesIn(block), 0) })
  }

  /** Reads what is left, and says why the stream broke: a stream cannot. */
  async #afterBreak(): Promise<void> {
    const from = this.#isInMiddle() ? 0 : this.#state.window.end
    try {
      const { block, hasMore } = await readBlock(this.#runId, from)
      if (this.#isStopped || !this.#state.isAtEnd || this.#unfollow !== null) return
      if (this.#state.window.end === from) this.#set({ window: append(this.#state.window, [block], KEPT) })
      // A log that was deleted has no end to go to.
      else if (from === 0 && block.end === 0) this.#set({ window: emptyWindow(0) })
      this.#isComplete = !hasMore && this.#isEnded
      this.#set({ isReading: false, problem: null })
      if (!this.#isComplete) this.#followLater()
    } catch (error) {
      if (this.#isStopped || !(error instanceof ApiProblem)) return
      this.#set({ isReading: false, problem: error })
      if (error.status === 0 || error.status === 503) this.#followLater()
    }
  }

  #followLater(): void {
    this.#retry = setTimeout(() => this.#follow(), RETRY_MS)
  }

  #disconnect(): void {
    clearTimeout(this.#retry)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pending = []
    this.#unfollow?.()
    this.#unfollow = null
  }
}
