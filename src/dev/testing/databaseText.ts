import type { TestServer } from './world.ts'

/** Every row of every table of a database as text, so that a test can show what stands nowhere. Bytes are hexadecimal. */
export async function databaseText({ database: { sql } }: TestServer): Promise<string> {
  const { rows: tables } = await sql.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  )
  const texts: string[] = []
  for (const { name } of tables) {
    const { rows } = await sql.query<{ text: string | null }>(`select string_agg(t::text, ' ') as text from "${name}" t`)
    texts.push(rows[0]?.text ?? '')
  }
  return texts.join('\n')
}
