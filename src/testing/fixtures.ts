import type { Client, Json } from './client.ts'

/** A company of a test server. */
export interface TestCompany {
  readonly id: string
  readonly name: string
  /** The beginning of the identifiers of its issues. */
  readonly issuePrefix: string
}

/** An agent with an API key. */
export interface TestAgent {
  readonly id: string
  readonly companyId: string
  readonly name: string
  /** Its API key. */
  readonly key: string
}

/** An issue, as the server answered when it was created. */
export interface TestIssue {
  readonly id: string
  readonly companyId: string
  readonly identifier: string
  readonly title: string
  readonly status: string
}

/** A run of an agent on another host: the agent renews its lease by heartbeats. */
export interface TestRun {
  readonly id: string
  readonly companyId: string
  readonly agentId: string
  /** Its run token. */
  readonly token: string
}

/** Fields of the API beside those that the kit fills in. */
export type Fields = Readonly<Record<string, unknown>>

type OfCompany = Fields & { readonly company?: { readonly id: string } }

/** Makes what a test needs, through the API. */
export interface Fixtures {
  company(fields?: Fields): Promise<TestCompany>
  /** In the company of the server unless `company` names another one. */
  agent(fields?: OfCompany): Promise<TestAgent>
  /** In the company of the server unless `company` names another one; `todo` unless `status` says otherwise. */
  issue(fields?: OfCompany): Promise<TestIssue>
  /** A run that the agent opens; of a new agent unless `agent` is given. */
  run(fields?: Fields & { readonly agent?: TestAgent }): Promise<TestRun>
}

async function created(client: Client, path: string, body: unknown): Promise<Json> {
  const answer = await client.post(path, body)
  if (answer.status !== 201) throw new Error(`POST ${path} was answered with ${answer.status}: ${answer.text}`)
  return answer.body
}

/**
 * @param speak gives a client that sends a token
 * @param onCompany receives each company
 */
export function createFixtures(board: Client, speak: (token: string) => Client, onCompany: (id: string) => void): Fixtures {
  let count = 0
  let own: Promise<TestCompany> | null = null
  const numbered = (noun: string): string => `${noun} ${(count += 1)}`
  const company: Fixtures['company'] = async (fields = {}) => {
    const made = (await created(board, '/api/companies', { name: numbered('Company'), ...fields })) as TestCompany
    onCompany(made.id)
    return made
  }
  const companyOf = async ({ company: given }: OfCompany): Promise<string> => (given ?? (await (own ??= company()))).id
  const agent: Fixtures['agent'] = async ({ company: given, ...fields } = {}) => {
    const companyId = await companyOf(given === undefined ? {} : { company: given })
    const made = await created(board, `/api/companies/${companyId}/agents`, { name: numbered('Agent'), ...fields })
    const { token } = await created(board, `/api/agents/${made.id}/keys`, { name: 'test' })
    return Object.assign(made, { key: token }) as TestAgent
  }
  return {
    company,
    agent,
    async issue({ company: given, ...fields } = {}) {
      const companyId = await companyOf(given === undefined ? {} : { company: given })
      return await created(board, `/api/companies/${companyId}/issues`, { title: numbered('Issue'), status: 'todo', ...fields })
    },
    async run({ agent: given, ...fields } = {}) {
      const runner = given ?? (await agent())
      const opened = await created(speak(runner.key), `/api/agents/${runner.id}/runs`, fields)
      return Object.assign(opened.run, { token: opened.token }) as TestRun
    },
  }
}
