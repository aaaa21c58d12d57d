// Pictures of pages with a palette of at most 256 colours: a quarter of the size, and no difference that an eye sees in text and lines.

import { crc32 as crcOf, deflateSync, inflateSync } from 'node:zlib'

interface Picture {
  readonly width: number
  readonly height: number
  /** Red, green and blue of each point. */
  readonly points: Uint8Array
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const MOST_COLOURS = 256

interface Chunk {
  readonly type: string
  readonly data: Buffer
}

function chunksOf(png: Buffer): Chunk[] {
  const found: Chunk[] = []
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at)
    found.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) })
    at += length + 12
  }
  return found
}

/** The predictor of a byte from the ones before it (PNG, "filter types"). */
function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  if (filter !== 4) return 0
  const guess = left + up - corner
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** Takes a picture of 8 bits apart, as browsers write them: with or without transparency, which pages do not have. */
function decode(png: Buffer): Picture {
  const chunks = chunksOf(png)
  const header = chunks[0]?.data ?? Buffer.alloc(13)
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const channels = header[9] === 6 ? 4 : 3
  const raw = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)))
  const stride = width * channels
  const lines = new Uint8Array(stride * height)
  for (let row = 0; row < height; row += 1) {
    const filter = raw[row * (stride + 1)] ?? 0
    for (let at = 0; at < stride; at += 1) {
      const place = row * stride + at
      const left = at >= channels ? (lines[place - channels] ?? 0) : 0
      const up = row > 0 ? (lines[place - stride] ?? 0) : 0
      const corner = row > 0 && at >= channels ? (lines[place - stride - channels] ?? 0) : 0
      lines[place] = (raw[row * (stride + 1) + 1 + at] ?? 0) + predicted(filter, left, up, corner)
    }
  }
  const points = new Uint8Array(width * height * 3)
  for (let point = 0; point < width * height; point += 1) points.set(lines.subarray(point * channels, point * channels + 3), point * 3)
  return { width, height, points }
}

const colourAt = (points: Uint8Array, point: number): number =>
  ((points[point * 3] ?? 0) << 16) | ((points[point * 3 + 1] ?? 0) << 8) | (points[point * 3 + 2] ?? 0)

const distance = (one: number, other: number): number =>
  Math.abs((one >> 16) - (other >> 16)) + Math.abs(((one >> 8) & 255) - ((other >> 8) & 255)) + Math.abs((one & 255) - (other & 255))

/** How many points a colour needs to outweigh one step of distance to the colours that are chosen. */
function chooseColours(counts: ReadonlyMap<number, number>): number[] {
  const byCount = [...counts].toSorted((one, other) => other[1] - one[1]).map(([colour]) => colour)
  if (byCount.length <= MOST_COLOURS) return byCount
  // The most frequent ones, then those that lie far from all that are chosen.
  const chosen = byCount.slice(0, MOST_COLOURS / 2)
  const rest = byCount.slice(MOST_COLOURS / 2)
  const apart = rest.map((colour) => Math.min(...chosen.map((each) => distance(each, colour))))
  while (chosen.length < MOST_COLOURS) {
    let best = 0
    for (let at = 1; at < rest.length; at += 1) if ((apart[at] ?? 0) > (apart[best] ?? 0)) best = at
    const colour = rest[best] ?? 0
    chosen.push(colour)
    for (const [at, other] of rest.entries()) apart[at] = Math.min(apart[at] ?? 0, distance(colour, other))
  }
  return chosen
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crcOf(body), body.length + 4)
  return framed
}

/** The same picture with a palette. */
export function withPalette(png: Buffer): Buffer {
  const { width, height, points } = decode(png)
  const counts = new Map<number, number>()
  for (let point = 0; point < width * height; point += 1) {
    const colour = colourAt(points, point)
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  const colours = chooseColours(counts)
  const nearest = new Map(colours.map((colour, at) => [colour, at]))
  for (const colour of counts.keys())
    if (!nearest.has(colour)) {
      let best = 0
      for (let at = 1; at < colours.length; at += 1)
        if (distance(colours[at] ?? 0, colour) < distance(colours[best] ?? 0, colour)) best = at
      nearest.set(colour, best)
    }
  const lines = Buffer.alloc((width + 1) * height)
  for (let row = 0; row < height; row += 1)
    for (let at = 0; at < width; at += 1) lines[row * (width + 1) + 1 + at] = nearest.get(colourAt(points, row * width + at)) ?? 0
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  const palette = Buffer.from(colours.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]))
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(lines, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
