// The command that connects an agent that lives elsewhere: the life of an agent in the README, in one paste.

interface Connection {
  /** The origin of the server, as this browser reaches it. */
  readonly origin: string
  readonly companyId: string
  readonly agentId: string
  /** The key, or null where it is not shown any more. */
  readonly key: string | null
}

/**
 * A program for a POSIX shell with curl and node: it opens a run, takes the next issue, comments on it, closes it, and ends the run. Each
 * line prints one fact.
 */
export const connectCommand = ({ origin, companyId, agentId, key }: Connection): string =>
  `api=${origin}/api; company=${companyId}; agent=${agentId}
key=${key ?? 'THE_KEY_OF_THE_AGENT'}
json() { node -pe "JSON.parse(require('fs').readFileSync(0)).$1"; }
call() { curl -sS -X "$1" -H 'Content-Type: application/json' -H "Authorization: Bearer $2" "$api$3" -d "$4"; }
opened=$(call POST "$key" /agents/$agent/runs '{"leaseSeconds":300}'); run=$(echo "$opened" | json run.id); token=$(echo "$opened" | json token)
issue=$(call POST "$token" /companies/$company/issues/claim '{}' | json issue.id)
call POST "$token" /issues/$issue/comments '{"body":"Hello. This is my first run."}' | json body
call PATCH "$token" /issues/$issue '{"status":"done","comment":"Done."}' | json status
call POST "$token" /heartbeat-runs/$run/finish '{"status":"succeeded"}' | json status`
