// The words that this repository does not use, each with the word to use instead. STYLE.md says why: readers whose first
// language is not English look for the field's terms, and operators search the log for them.

/** One word or phrase that is refused. */
export interface BannedWord {
  /** Matched against words, in any case; identifiers are split at their capital letters first. */
  readonly pattern: RegExp
  readonly instead: string
  /** Files, relative to the repository, where the word has its plain meaning. */
  readonly allowedIn?: RegExp
}

const word = (text: string, instead: string, allowedIn?: RegExp): BannedWord => ({
  pattern: new RegExp(`\\b(?:${text})\\b`, 'i'),
  instead,
  ...(allowedIn === undefined ? {} : { allowedIn }),
})

/** Postgres refuses to run as root, so the embedded one runs as the Unix account `nobody`. */
const UNIX_ACCOUNT =
  /^(src\/platform\/embedded\/|src\/server\/|src\/dev\/chaos\/postgres|doc\/(decisions|subsystems\/embedded-postgres|OPERATIONS))/

export const bannedWords: readonly BannedWord[] = [
  word('whoever|whomever', 'the noun: the caller, the client, the next writer'),
  word('somebody|someone', 'the noun: another run, a person, a client'),
  word('anybody|anyone', 'the noun: any caller, every client'),
  word('nobody|no one', 'the noun with "no": no caller, no run', UNIX_ACCOUNT),
  word('told|tells', 'is notified, receives, reports'),
  word('by decree', 'revoked by an administrator'),
  word('public wire', "Paperclip's API"),
  word('hangs? on', 'depends on, references'),
  word('stands for', 'represents, already covers'),
  word('meets? a wall', 'is limited, is refused'),
  word('for ever|forever', 'permanently, without limit'),
  word('own hand', 'itself'),
  word('heed|heeds|heeded', 'observe, handle'),
  word('doom|doomed', 'stop requested'),
  word('ward|wards', 'supervised run'),
  word('vigil|vigils', 'watchdog'),
  word('knock|knocks', 'probe'),
  word('leash', 'parent-death signal'),
  word('orphanage', 'orphan reaper'),
  word('wish|wishes', 'request, operation'),
  word('torment|torture', 'chaos test'),
  // The log field of the embedded Postgres keeps its name.
  word('verdict|verdicts', 'decision, result, finding', /^src\/platform\/embedded\//),
  word('judge|judges|judged', 'check, verify, decide'),
  word('minted', 'created, issued'),
  word('standing', 'status, reference'),
]

/** The domain's hold is not a lock: a lock is a row lock. On the wire and in texts for its users it is named lock. */
const ABOUT_CODE =
  /^(src\/(?!dev\/compat\/).*(?<!views\.ts|routes\.ts)$|doc\/(ARCHITECTURE|GLOSSARY|INVARIANTS|STYLE|LOCK_PROTOCOL)\.md$|doc\/subsystems\/)/

export const holdNotLock: readonly { readonly pattern: RegExp; readonly in: RegExp }[] = [
  {
    pattern:
      /\b(lock holder|holds? the (issue'?s? )?lock on|stale locks?|lock leftover|issue'?s lock is|lock of an issue|locks? of a run)\b/i,
    in: ABOUT_CODE,
  },
]
