// Generates types from doc/generated/openapi.json and compiles example.ts with them, under the strictest options. Needs no network.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import openapiTypescript, { astToString } from 'openapi-typescript'

const here = (path) => new URL(path, import.meta.url)

mkdirSync(here('generated/'), { recursive: true })
writeFileSync(here('generated/api.ts'), astToString(await openapiTypescript(here('../../doc/generated/openapi.json'))))
// The compiler of the program, not the older one that the generator needs.
execFileSync(process.execPath, [fileURLToPath(here('../../node_modules/typescript/bin/tsc')), '-p', fileURLToPath(here('tsconfig.json'))], {
  stdio: 'inherit',
})
console.log('A typed client of the API document compiles.')
