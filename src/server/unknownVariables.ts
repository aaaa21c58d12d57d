// Variables of the environment that look like settings of this server and are none.

import { editDistance, nearestName } from '../platform/kernel/nearest.ts'

const PREFIX = 'PAPERCLIP_'

/**
 * Variables that belong to clients of this server and to the runs of agents. A server is started in the shell of a person
 * who uses the command line, and by an agent in its run, so they say nothing about the server.
 */
const ofClients: readonly string[] = [
  'API_KEY',
  'API_URL',
  'TOKEN',
  'URL',
  'AGENT_ID',
  'AGENT_NAME',
  'COMPANY_ID',
  'CONFIG',
  'CONTEXT',
  'IMPORT_FROM',
  'PROJECT_ID',
  'PROFILE',
  'LINKED_ISSUE_IDS',
]
const ofRuns = /^(?:RUN|TASK|ISSUE|WAKE|APPROVAL|WORKSPACE|SKILL|SKILLS|INSTRUCTIONS|SESSION|MCP|CLI)_/
/** The variables that an orchestrator sets for a service that is called paperclip or begins with it. */
const ofServices = /^(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)?)$/

/** The edits of a slip. A setting may begin as a variable of runs does, and a slip in its name is noticed. */
const SLIP = 2

const isForeign = (name: string, value: string, settings: readonly string[]): boolean =>
  ofClients.includes(name) ||
  (ofRuns.test(name) && !settings.some((setting) => editDistance(name, setting) <= SLIP)) ||
  // A person who means the variable PORT gives it a number.
  (ofServices.test(name) && !(name === 'PORT' && /^\d*$/.test(value)))

const withoutPrefix = (name: string): string => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name)

/**
 * The variables that no setting has, each with the nearest that exists: a slip in a name would otherwise leave its setting
 * at the default, and nobody would notice. One line per variable, without its value.
 * @param known the names of all settings
 */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>, known: readonly string[]): string[] {
  // Without the prefix, which would make all names alike.
  const settings = known.map(withoutPrefix)
  return Object.entries(env)
    .filter(([name, value]) => name.startsWith(PREFIX) && !known.includes(name) && !isForeign(withoutPrefix(name), value ?? '', settings))
    .map(([name]) => {
      const meant = nearestSetting(name, known)
      return `${name}: is no variable of this server${meant === null ? '' : `; ${meant} is`}`
    })
}

/** The setting that was probably meant by a name that is none; null when no name is near. The prefix does not count. */
export function nearestSetting(name: string, known: readonly string[]): string | null {
  const nearest = nearestName(withoutPrefix(name), known.map(withoutPrefix))
  return known.find((each) => withoutPrefix(each) === nearest) ?? null
}
