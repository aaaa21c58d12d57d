import { Worker } from 'node:worker_threads'
import pLimit from 'p-limit'
import { refuse } from '../../platform/kernel/errors.ts'

/** Pictures that are drawn at once by this process. Each takes a processor for up to seconds, and up to 100 MB. */
const MAX_DRAWINGS = 2
/** Pixels of one picture: 32 MB while it is drawn. */
const MAX_PIXELS = 8_000_000
/** Longest side, in pixels, that common viewers open. */
const MAX_SIDE = 16_000
/** Twice the size of the drawing, for screens of high density. */
const SCALE = 2
/** A picture of the most cards takes a tenth of this on an idle machine. */
const TIMEOUT_MS = 20_000

/** Pictures that wait: about ten seconds of work. */
const MAX_WAITING = 16

const lane = pLimit(MAX_DRAWINGS)

const script = new URL('./pngWorker.js', import.meta.url)

/** Draws in a thread of its own: it takes longer than a request may keep the event loop (decision 0044). */
async function runWorker(svg: string, width: number): Promise<Buffer> {
  const worker = new Worker(script, { workerData: { svg, width }, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 128 } })
  const timeout = setTimeout(() => void worker.terminate(), TIMEOUT_MS)
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      worker.once('message', (bytes: Uint8Array) => resolve(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)))
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('the thread that draws pictures ended without one')))
    })
  } finally {
    clearTimeout(timeout)
    await worker.terminate()
  }
}

/**
 * Draws an SVG of this server as PNG.
 * @param size of the drawing, in pixels
 * @throws Refusal `busy` when too many pictures wait
 */
export async function drawPng(svg: string, size: { readonly width: number; readonly height: number }): Promise<Buffer> {
  if (lane.pendingCount >= MAX_WAITING) refuse('busy', { message: 'Too many pictures are being drawn', retryAfter: 1 })
  const scale = Math.min(SCALE, Math.sqrt(MAX_PIXELS / (size.width * size.height)), MAX_SIDE / Math.max(size.width, size.height))
  return await lane(() => runWorker(svg, Math.max(1, Math.floor(size.width * scale))))
}
