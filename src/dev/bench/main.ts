import { parseArgs } from 'node:util'
import { benchConnections } from './connectionCost.ts'
import { compareCpu } from './cpuComparison.ts'
import { benchAgainstFloor } from './floorComparison.ts'
import { benchUnread } from './unreadAnswers.ts'

// `npm run bench`: this server beside the least that a server could do. `npm run bench -- --cpu OLD`: beside another
// checkout of itself. `npm run bench -- --connections`: a request of the board without a credential beside one with a key.
// `npm run bench -- --unread`: the memory that callers take who never read.

const { values } = parseArgs({ options: { cpu: { type: 'string' }, connections: { type: 'boolean' }, unread: { type: 'boolean' } } })
if (values.connections === true) await benchConnections()
else if (values.unread === true) await benchUnread()
else await (values.cpu === undefined ? benchAgainstFloor() : compareCpu(values.cpu))
