import { benchConnections } from './connectionCost.ts'
import { benchCosts } from './costReads.ts'
import { compareCpu } from './cpuComparison.ts'
import { benchAgainstFloor } from './floorComparison.ts'
import { benchGrowth } from './growth/comparison.ts'
import { helpText, readOptions } from './options.ts'
import { benchAgainstPeer } from './peer/comparison.ts'
import { benchUnread } from './unreadAnswers.ts'

// `npm run bench`: this server beside the least that a server could do, beside the public release, and beside itself.

const request = readOptions(process.argv.slice(2))
switch (request.kind) {
  case 'help':
    process.stdout.write(helpText)
    break
  case 'peer':
    await benchAgainstPeer(request)
    break
  case 'growth':
    await benchGrowth(request)
    break
  case 'cpu':
    await compareCpu(request.oldCheckout)
    break
  case 'connections':
    await benchConnections()
    break
  case 'costs':
    await benchCosts()
    break
  case 'unread':
    await benchUnread()
    break
  case 'floor':
    await benchAgainstFloor()
}
