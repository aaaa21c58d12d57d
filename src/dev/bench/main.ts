import { parseArgs } from 'node:util'
import { compareCpu } from './cpuComparison.ts'
import { benchAgainstFloor } from './floorComparison.ts'

// `npm run bench`: this server beside the least that a server could do. `npm run bench -- --cpu OLD`: beside another
// checkout of itself.

const { values } = parseArgs({ options: { cpu: { type: 'string' } } })
await (values.cpu === undefined ? benchAgainstFloor() : compareCpu(values.cpu))
