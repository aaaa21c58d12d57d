// Writes the types of doc/generated/openapi.json into a file, for the client in the package of the program.

import { writeFileSync } from 'node:fs'
import openapiTypescript, { astToString } from 'openapi-typescript'

const document = new URL('../../doc/generated/openapi.json', import.meta.url)
writeFileSync(process.argv[2], astToString(await openapiTypescript(document)))
