import type { ReadDb } from '../../platform/db/types.ts'
import { chainEnd, readLinks } from './chain.ts'
import type { HeadFile } from './heads.ts'
import { canonicalRow } from './row.ts'

/**
 * Exports the sealed rows of a company as lines of JSON, in the order of its chain, with the signed head as the last line.
 * The text after `"row":` is byte for byte the text that was hashed, so an auditor can check the lines without this server.
 *
 * @param file signs the head
 * @param from the first position, so that an export that was interrupted goes on behind its last line
 */
export async function* exportChain(db: Pick<ReadDb, 'run'>, companyId: string, file: HeadFile, from = 1): AsyncGenerator<string> {
  const end = await chainEnd(db, companyId)
  for await (const link of readLinks(db, companyId, from, end.position)) {
    const row = link.seq === null ? 'null' : canonicalRow(link)
    yield `{"position":${link.position},"hash":"${link.hash}","row":${row}}\n`
  }
  const head = file.sign({ companyId, position: end.position, hash: end.hash, at: end.at })
  yield `${JSON.stringify({ head, publicKey: file.publicKey() })}\n`
}
