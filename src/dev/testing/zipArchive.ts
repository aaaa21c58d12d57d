import { deflateRawSync } from 'node:zlib'

interface ZipOptions {
  /** Entries that are symbolic links. */
  readonly links?: readonly string[]
  /** The size that every entry claims to have; the real one unless given. */
  readonly claimedBytes?: number
}

const UNIX = 3
const LINK_MODE = 0o120777
const FILE_MODE = 0o100644
const DEFLATE = 8

/** A zip archive, by hand: a reader is tested with sizes and kinds of entries that no writer makes. Checksums are left at 0. */
export function zipOf(entries: readonly (readonly [name: string, text: string])[], { links = [], claimedBytes }: ZipOptions = {}): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, text] of entries) {
    const path = Buffer.from(name)
    const packed = deflateRawSync(text)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(DEFLATE, 4)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(claimedBytes ?? Buffer.byteLength(text), 18)
    common.writeUInt16LE(path.length, 22)
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, path, packed])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(((links.includes(name) ? LINK_MODE : FILE_MODE) << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.from([20, UNIX]), common, tail, path]))
    parts.push(local)
    offset += local.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\u0005\u0006', 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, list, end])
}
