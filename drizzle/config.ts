import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/model/!(*.test).ts', './src/platform/db/tables.ts'],
  out: './drizzle',
})
