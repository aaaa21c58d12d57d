// The steps that git takes for worktrees, as scripts of the shell. Their texts are constants, and everything that varies is an argument: nothing that a
// repository, an agent or a person wrote becomes a part of a script.

/**
 * Git reads the settings of a repository before it looks at anything else, and an agent may have written them. Those that name a program have
 * values here that name none: settings of the command line go before all files.
 */
const overrides: readonly (readonly [name: string, value: string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.sshCommand', '/bin/false'],
  ['core.gitProxy', '/bin/false'],
  ['core.askPass', '/bin/false'],
  ['core.editor', '/bin/false'],
  ['core.pager', 'cat'],
  ['core.alternateRefsCommand', '/bin/false'],
  ['credential.helper', ''],
  ['diff.external', ''],
  ['protocol.allow', 'never'],
  ['submodule.recurse', 'false'],
  // Objects for the comparison are thrown away again.
  ['core.compression', '0'],
  ['core.bigFileThreshold', '1m'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // The account that runs git is often not the owner of the repository, and git would refuse for that reason alone.
  ['safe.directory', '*'],
]

/** The environment of git. It has nothing of the server's. */
export const gitEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
  LC_ALL: 'C',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  // The name of no transport. A repository whose objects are elsewhere does not make git fetch them, by whatever program.
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_LAZY_FETCH: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_LITERAL_PATHSPECS: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '/bin/false',
  SSH_ASKPASS: '/bin/false',
  GIT_SSH_COMMAND: '/bin/false',
  GIT_EDITOR: '/bin/false',
  GIT_PAGER: 'cat',
  GIT_CONFIG_COUNT: String(overrides.length),
  ...Object.fromEntries(
    overrides.flatMap(([name, value], at) => [
      [`GIT_CONFIG_KEY_${at}`, name],
      [`GIT_CONFIG_VALUE_${at}`, value],
    ]),
  ),
}

/**
 * A repository of its own for one script: the objects of the real one, one commit as its head, and no settings. Filters have names that the
 * repository chooses, so no list of overrides has all of them. Each step that reads or writes files of the worktree works with this repository, which
 * knows no filter, no hook and no other program.
 */
const PRIVATE = `
private=$(mktemp -d); trap 'rm -rf -- "$private"' EXIT
make_private() {
  mkdir -p "$private/objects/info" "$private/refs/heads" "$private/info"
  printf '%s\\n' "$common/objects" > "$private/objects/info/alternates"
  printf '%s\\n' "$1" > "$private/HEAD"
  if [ "$format" = sha1 ]; then printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n' > "$private/config"
  else printf '[core]\\n\\trepositoryformatversion = 1\\n\\tbare = false\\n[extensions]\\n\\tobjectFormat = %s\\n' "$format" > "$private/config"; fi
}`

const BEGIN = `
set -eu
common=$(git rev-parse --path-format=absolute --git-common-dir)
format=$(git rev-parse --show-object-format)`

/**
 * Makes a worktree with a branch of its own. Arguments: the empty folder, its name, the branch, and the commit or branch to begin at; empty for the
 * head of the repository. Prints the commit.
 */
export const CREATE = `${BEGIN}
tree=$1 name=$2 branch=$3 base=\${4:-HEAD}
git check-ref-format "refs/heads/$branch"
commit=$(git rev-parse --verify --quiet --end-of-options "$base^{commit}") || { echo "There is no commit $base" >&2; exit 3; }
[ ! -e "$common/worktrees/$name" ] || { echo "The repository has a worktree of this name" >&2; exit 3; }
# Locked: another party that cannot see the folder would take it for one that is gone, and forget it.
git worktree add --quiet --no-checkout --lock -b "$branch" -- "$tree" "$commit" >&2
${PRIVATE}
make_private "$commit"
export GIT_DIR="$private" GIT_WORK_TREE="$tree" GIT_INDEX_FILE="$common/worktrees/$name/index"
git reset --quiet --hard >&2
printf 'commit %s\\n' "$commit"`

/**
 * The work that would be lost with a worktree. Arguments: the folder, its name, and the commit that it began at. The content is compared as a tree of git, which
 * is one number for all of it: no index of an agent decides what counts as changed.
 */
export const INSPECT = `${BEGIN}
tree=$1 name=$2 base=$3
admin="$common/worktrees/$name"
[ -d "$tree" ] && [ ! -L "$tree" ] || { echo "The folder of the worktree is gone" >&2; exit 3; }
at() { GIT_DIR="$admin" GIT_COMMON_DIR="$common" git "$@"; }
head=$(at rev-parse --verify --quiet --end-of-options 'HEAD^{commit}') || { echo "The worktree has no commit" >&2; exit 3; }
printf 'head %s\\n' "$head"
printf 'branch %s\\n' "$(at symbolic-ref --quiet HEAD || true)"
printf 'ahead %s\\n' "$(git rev-list --count "$base..$head")"
printf 'unpushed %s\\n' "$(git rev-list --count "$head" --not --remotes)"
printf 'remotes %s\\n' "$(git for-each-ref --count=1 --format=x refs/remotes | wc -l)"
printf 'kept %s\\n' "$(git for-each-ref --count=1 --contains "$head" --format=x refs/heads refs/tags refs/remotes | wc -l)"
${PRIVATE}
make_private "$head"
if [ -f "$common/info/exclude" ]; then cp -- "$common/info/exclude" "$private/info/exclude"; fi
cd -- "$tree"
export GIT_DIR="$private"
GIT_INDEX_FILE="$admin/index" git diff-index --cached --raw --no-renames --no-abbrev "$head" > "$private/staged"
staged=$(sha256sum < "$private/staged")
printf 'staged %s\\n' "\${staged%% *}"
export GIT_WORK_TREE="$tree" GIT_INDEX_FILE="$private/index"
git read-tree "$head"
git add --all
content=$(git write-tree)
printf 'content %s\\n' "$content"
printf 'clean %s\\n' "$(git rev-parse "$head^{tree}")"
printf 'ignored %s\\n' "$(git ls-files -z --others --ignored --exclude-standard --directory | tr -dc '\\0' | wc -c)"
printf 'nested %s\\n' "$(git ls-files --stage | grep -c '^160000 ' || true)"
printf 'entries %s\\n' "$(git diff-tree -r --no-renames --name-only "$head" "$content" | wc -l)"
git diff-tree -r -z --no-renames --name-status "$head" "$content" | head -c 65536`

/** The hash of no staged change. */
export const NOTHING_STAGED = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Keeps a commit that no branch has. Arguments: the name of the worktree, the commit. */
export const KEEP = `${BEGIN}
git update-ref "refs/paperclip/worktrees/$1" "$2" >&2`

/**
 * Makes the repository forget a worktree whose folder is gone. Arguments: its name; the branch that it was made with, or nothing. A branch is
 * deleted only when another one has all of its commits.
 */
export const FORGET = `${BEGIN}
name=$1 branch=$2
rm -rf -- "$common/worktrees/$name"
[ -n "$branch" ] || exit 0
# Left by a git that was killed. The branch is no other party's.
rm -f -- "$common/refs/heads/$branch.lock"
commit=$(git rev-parse --verify --quiet --end-of-options "refs/heads/$branch") || exit 0
others=$(git for-each-ref --contains "$commit" --format='%(refname)' refs/heads refs/tags refs/remotes | grep -vFx "refs/heads/$branch" | head -n 1)
[ -z "$others" ] || git update-ref -d "refs/heads/$branch" "$commit" >&2`
