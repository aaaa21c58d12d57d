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
  // Larger files are read in pieces.
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
 * The commits that only the records of a worktree name, without those that are behind another one of them. The records are its log, the head before the last
 * step, what a rebase has put aside, and the refs that are its own; they go with it. `$1` is a commit that is kept anyway, or nothing.
 */
const COMMITS = `
at() { GIT_DIR="$admin" GIT_COMMON_DIR="$common" git "$@"; }
unkept() {
  {
    if [ -f "$admin/logs/HEAD" ] && [ ! -L "$admin/logs/HEAD" ]; then tail -c 4194304 -- "$admin/logs/HEAD" | cut -d ' ' -f 1,2 | tr ' ' '\\n'; fi
    for each in ORIG_HEAD MERGE_AUTOSTASH rebase-merge/autostash rebase-apply/autostash; do
      if [ -f "$admin/$each" ] && [ ! -L "$admin/$each" ]; then head -c 64 -- "$admin/$each"; echo; fi
    done
    at for-each-ref --format='%(objectname)' refs/worktree refs/bisect refs/rewritten
  } | grep -E '^[0-9a-f]{40,64}$' | sort -u > "$private/names" || true
  GIT_DIR="$private" git cat-file --batch-check='%(objectname) %(objecttype)' < "$private/names" > "$private/kinds"
  sed -n 's/ commit$//p' "$private/kinds" > "$private/tips"
  git rev-list --parents --stdin --not $1 --all < "$private/tips" > "$private/unkept"
  awk '{ commit[NR] = $1; for (at = 2; at <= NF; at++) parent[$at] = 1 }
    END { for (at = 1; at <= NR; at++) if (!(commit[at] in parent)) print commit[at] }' "$private/unkept"
}`

/**
 * The work that would be lost with a worktree. Arguments: the folder, its name, and the commit that it began at.
 *
 * Files are compared with the last commit by an index that is made for it, so no index of an agent decides what counts as changed, and nothing is added: no
 * object is written. Repositories inside are counted and never entered, because git would run the filters and monitors that those name. A folder that
 * cannot be read is a failure, not an empty one.
 */
export const INSPECT = `${BEGIN}
# Blocks of 512 bytes. Lists of names are written, and no content of a file.
ulimit -f 524288
tree=$1 name=$2 base=$3
admin="$common/worktrees/$name"
[ -d "$tree" ] && [ ! -L "$tree" ] || { echo "The folder of the worktree is gone" >&2; exit 3; }
[ -d "$admin" ] || { echo "The repository does not know the worktree" >&2; exit 3; }
${PRIVATE}
${COMMITS}
head=$(at rev-parse --verify --quiet --end-of-options 'HEAD^{commit}') || { echo "The worktree has no commit" >&2; exit 3; }
printf 'head %s\\n' "$head"
printf 'branch %s\\n' "$(at symbolic-ref --quiet HEAD || true)"
printf 'ahead %s\\n' "$(git rev-list --count "$base..$head")"
printf 'unpushed %s\\n' "$(git rev-list --count "$head" --not --remotes)"
printf 'remotes %s\\n' "$(git for-each-ref --count=1 --format=x refs/remotes | wc -l)"
printf 'kept %s\\n' "$(git for-each-ref --count=1 --contains "$head" --format=x refs/heads refs/tags refs/remotes | wc -l)"
make_private "$head"
unkept "$head" > "$private/logged"
printf 'logged %s\\n' "$(wc -l < "$private/logged")"
unfinished=0
for each in rebase-merge rebase-apply sequencer MERGE_HEAD MERGE_AUTOSTASH CHERRY_PICK_HEAD REVERT_HEAD BISECT_LOG; do
  if [ -e "$admin/$each" ]; then unfinished=1; fi
done
printf 'unfinished %s\\n' "$unfinished"
cd -- "$tree"
own=0
if [ -f .git ] && [ ! -L .git ]; then
  link=$(head -c 4096 -- .git)
  if [ "\${link#gitdir: }" -ef "$admin" ]; then own=1; fi
fi
printf 'own %s\\n' "$own"
find . -xdev -mindepth 2 -name .git -prune -print > "$private/nested" 2> "$private/unreadable" || true
[ ! -s "$private/unreadable" ] || { echo "A folder in the worktree cannot be read" >&2; exit 3; }
printf 'nested %s\\n' "$(wc -l < "$private/nested")"
export GIT_DIR="$private"
GIT_INDEX_FILE="$admin/index" git diff-index --cached --raw --no-renames --no-abbrev "$head" > "$private/staged"
staged=$(sha256sum < "$private/staged")
printf 'staged %s\\n' "\${staged%% *}"
export GIT_WORK_TREE="$tree" GIT_INDEX_FILE="$private/index"
# Without the entries of submodules: their folders are looked at as any other.
git ls-tree -r -z --full-tree "$head" > "$private/tree"
{ grep -zv '^160000 ' "$private/tree" || true; } > "$private/files"
git update-index -z --index-info < "$private/files"
git update-index -q --really-refresh > /dev/null || true
git diff-files -z --raw --no-renames --no-abbrev > "$private/raw"
git diff-files -z --name-status --no-renames > "$private/changed"
git diff-files -z --name-only --no-renames --diff-filter=d > "$private/there"
git ls-files -z --others --exclude-standard > "$private/others" 2> "$private/unreadable"
git ls-files -z --others --ignored --exclude-standard --directory > "$private/ignored" 2>> "$private/unreadable"
[ ! -s "$private/unreadable" ] || { echo "A folder in the worktree cannot be read" >&2; exit 3; }
{ grep -zv '/$' "$private/others" || true; } > "$private/new"
: > "$private/links"
: > "$private/regular"
cat -- "$private/there" "$private/new" | xargs -0 sh -c 'for each; do
  if [ -L "$each" ]; then printf "%s\\0" "$each" >> "$0/links"; elif [ -f "$each" ]; then printf "%s\\0" "$each" >> "$0/regular"; fi
done' "$private"
if [ -s "$private/links" ]; then xargs -0 readlink -z -- < "$private/links" > "$private/targets"; else : > "$private/targets"; fi
if [ -s "$private/regular" ]; then xargs -0 sha256sum -- < "$private/regular" > "$private/sums"; else : > "$private/sums"; fi
content=$(cat -- "$private/raw" "$private/new" "$private/links" "$private/targets" "$private/sums" "$private/nested" "$private/logged" | sha256sum)
printf 'content %s\\n' "\${content%% *}"
printf 'ignored %s\\n' "$(tr -dc '\\0' < "$private/ignored" | wc -c)"
fields=$(tr -dc '\\0' < "$private/changed" | wc -c)
printf 'entries %s\\n' "$((fields / 2 + $(tr -dc '\\0' < "$private/new" | wc -c)))"
head -c 32768 -- "$private/changed" > "$private/shown"
printf 'changed %s\\n' "$(wc -c < "$private/shown")"
cat -- "$private/shown"
head -c 32768 -- "$private/new"`

/** The hash of no staged change. */
export const NOTHING_STAGED = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Commits of the log of a worktree that are kept when it is closed. More are a loss that a person confirms. */
export const MAX_LOGGED = 100

/**
 * Names everything below a folder with its size, times and kind, as one hash. It reads no file and runs no git: it is for a worktree about which git could
 * not find out anything. Argument: the folder.
 */
export const LIST = `
set -eu
find "$1" -xdev -printf '%P %i %s %y %m %T@ %C@ %l\\0' 2>&1 | sha256sum`

/** Whether a worktree is still one of its repository. Arguments: the folder, its name, and the commit that it began at. */
export const CHECK = `${BEGIN}
tree=$1 admin="$common/worktrees/$2"
[ -d "$admin" ] || { echo "The repository does not know the worktree" >&2; exit 3; }
git cat-file -e "$3^{commit}"
cd -- "$tree"
[ -f .git ] && [ ! -L .git ] || { echo "The folder is not a worktree any more" >&2; exit 3; }
link=$(head -c 4096 -- .git)
[ "\${link#gitdir: }" -ef "$admin" ] || { echo "The folder is a worktree of another repository" >&2; exit 3; }`

/**
 * Keeps the commits that go with a worktree because no branch has them: its last one below refs/paperclip/worktrees, those of its log below
 * refs/paperclip/worktree-logs. Argument: the name of the worktree. A repository that does not know it any more has nothing to keep.
 */
export const KEEP = `${BEGIN}
name=$1 admin="$common/worktrees/$1"
[ -d "$admin" ] || exit 0
${PRIVATE}
${COMMITS}
head=$(at rev-parse --verify --quiet --end-of-options 'HEAD^{commit}') || head=
make_private "$(git rev-parse --verify --quiet HEAD || echo ref: refs/heads/none)"
if [ -n "$head" ] && [ -z "$(git for-each-ref --count=1 --contains "$head" --format=x refs/heads refs/tags refs/remotes)" ]; then
  git update-ref "refs/paperclip/worktrees/$name" "$head" >&2
fi
unkept "$head" > "$private/logged"
head -n ${MAX_LOGGED} "$private/logged" | while read -r commit; do git update-ref "refs/paperclip/worktree-logs/$name/$commit" "$commit" >&2; done`

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
