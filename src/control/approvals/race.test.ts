import { expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { useServer, world } from '../../dev/testing/world.ts'

/** The chaos test of approvals sets 500. */
const rounds = Number(process.env['APPROVAL_ROUNDS'] ?? 20)
const DECIDERS = 16
/** A round is 16 requests and a few reads; 500 rounds take minutes, not seconds. */
const MS_PER_ROUND = 2000

const server = useServer()

interface ApprovalState {
  readonly decisions: string[]
  readonly about: string[]
  readonly wakes: number
  readonly agents: number
  readonly revisions: number
}

/** The audit rows, wakes, agents and revisions that the decisions of one approval left. */
async function loadApprovalState(
  approvalId: string,
  companyId: string,
  agentId: string | null,
  requesterId: string,
): Promise<ApprovalState> {
  const { rows } = await server().database.sql.query<ApprovalState>(
    `select
      (select coalesce(json_agg(action order by seq), '[]') from activity_log where entity_id = $1) as decisions,
      (select coalesce(json_agg(action order by seq), '[]') from activity_log where entity_id = $3::text) as about,
      (select count(*)::int from wakes where agent_id = $4 and payload->>'approvalId' = $1) as wakes,
      (select count(*)::int from agents where company_id = $2) as agents,
      (select count(*)::int from agent_config_revisions where agent_id = $3::uuid) as revisions`,
    [approvalId, companyId, agentId, requesterId],
  )
  const [row] = rows
  if (row === undefined) throw new Error('a select without from has one row')
  return row
}

test(
  `Of ${DECIDERS} concurrent decisions on one approval, one is made and has its effect once, in ${rounds} rounds`,
  async () => {
    const { company, agent } = await world(server())
    const requester = await agent({ role: 'ceo' })
    const target = await agent()
    const another = await server().startPeer()
    const deciders = Array.from({ length: DECIDERS }, (_, index) => ({
      client: index % 4 < 2 ? server().board : another.board,
      verb: index % 2 === 0 ? 'approve' : 'reject',
    }))
    const kinds = ['hire', 'request', 'proposal'] as const
    let agents = 2
    let revisions = 0
    const won = { approved: 0, rejected: 0 }
    for (let round = 0; round < rounds; round += 1) {
      const kind = kinds[round % kinds.length]
      const name = `Hired ${round}`
      const opened =
        kind === 'hire'
          ? (await requester.client.post(`/api/companies/${company.id}/agent-hires`, { name })).body.approval
          : kind === 'request'
            ? (await requester.client.post(`/api/companies/${company.id}/approvals`, { type: 'hire_agent', payload: { name } })).body
            : (await requester.client.patch(`/api/agents/${target.id}`, { adapterConfig: { round } })).body.approval
      if (kind === 'hire') agents += 1
      // In every second round all deciders approve, so that repeats race as well.
      const verbs = round % 2 === 0 ? deciders : deciders.map((each) => ({ ...each, verb: 'approve' }))
      const answers = await race(verbs, ({ client, verb }) => client.post(`/api/approvals/${opened.id}/${verb}`))
      const { body: decided } = await server().board.get(`/api/approvals/${opened.id}`)
      const status = decided.status as 'approved' | 'rejected'
      won[status] += 1
      const same = verbs.filter(({ verb }) => verb === (status === 'approved' ? 'approve' : 'reject')).length
      expect(countByStatus(answers)).toEqual(same === DECIDERS ? { 200: DECIDERS } : { 200: same, 422: DECIDERS - same })

      const agentId = kind === 'proposal' ? target.id : (decided.payload.agentId ?? null)
      const left = await loadApprovalState(opened.id, company.id, agentId, requester.id)
      expect(left.decisions).toEqual(['approval.created', `approval.${status}`, 'approval.requester_wakeup_queued'])
      expect(left.wakes).toBe(1)
      if (kind === 'hire')
        expect(left.about).toEqual(['agent.hire_created', status === 'approved' ? 'agent.activated' : 'agent.terminated'])
      if (kind === 'request') {
        expect(left.about).toEqual(status === 'approved' ? ['agent.created'] : [])
        if (status === 'approved') agents += 1
      }
      if (kind === 'proposal') {
        if (status === 'approved') revisions += 1
        expect(left.revisions).toBe(revisions)
      }
      expect(left.agents).toBe(agents)
    }
    await another.stop()
    expect(won.approved + won.rejected).toBe(rounds)
  },
  rounds * MS_PER_ROUND,
)
