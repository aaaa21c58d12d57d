// The end of a backup: a second member of the gzip file without content, whose comment is the digest of all bytes before it.
// Every reader of gzip takes it; a cut or a changed byte leaves a file without its seal.

import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { Transform } from 'node:stream'

const PREFIX = 'paperclip-backup-1 sha256='

/** The member of gzip (RFC 1952) with the comment, an empty block of deflate, and the checksum and length of nothing. */
const memberOf = (digest: string): Buffer =>
  Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 0xff]),
    Buffer.from(`${PREFIX}${digest}\0`, 'latin1'),
    Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  ])

const SEAL_BYTES = memberOf('0'.repeat(64)).length

/** Passes bytes on and appends their seal. */
export function createSeal(): Transform {
  const hash = createHash('sha256')
  return new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk)
      done(null, chunk)
    },
    flush(done) {
      this.push(memberOf(hash.digest('hex')))
      done()
    },
  })
}

/** Passes on what stands before a seal, and compares at the end. @param digest receives the digest of a whole file */
export function createSealCheck(digest: (hex: string) => void): Transform {
  const hash: Hash = createHash('sha256')
  let held: Buffer = Buffer.alloc(0)
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const bytes = Buffer.concat([held, chunk])
      const end = Math.max(0, bytes.length - SEAL_BYTES)
      held = bytes.subarray(end)
      if (end === 0) return done()
      const before = bytes.subarray(0, end)
      hash.update(before)
      done(null, before)
    },
    flush(done) {
      const found = hash.digest('hex')
      if (!held.equals(memberOf(found))) return done(new Error('the seal of the backup is missing or does not fit'))
      digest(found)
      done()
    },
  })
}
