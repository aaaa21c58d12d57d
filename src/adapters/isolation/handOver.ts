// Project folders under an account of the agents' own: they stay with their owner, and the agent works in them as if they were
// its own. An id-mapped mount does both, so that no file changes its owner and git finds what it expects.
import { readFileSync, statSync } from 'node:fs'
import type { Account } from './isolation.ts'
import { systemProgram } from './wrapper.ts'
import type { CommandLine } from './wrapper.ts'

/** A folder that a mount hands to an account: what its owner owns belongs to the account there, and the reverse. */
export interface HandedOver {
  readonly source: string
  /** An empty folder of the run, on which the mount is made in the namespace only. */
  readonly target: string
  readonly owner: Account
}

/** The highest id that this user namespace knows: a container may have 65,536 of them. */
function highestId(): number {
  try {
    const [first = '0', , length = '0'] = readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n').at(-1)?.trim().split(/\s+/) ?? []
    return Number(first) + Number(length) - 1
  } catch {
    return 65_535
  }
}

/** The lines of an id map: `from` on the disk is `to` in the mount, every other id is itself. */
export function idMap(from: number, to: number, highest: number = highestId()): string {
  const lines = [`${from} ${to} 1`]
  let start = 0
  for (const id of [from, to].toSorted((a, b) => a - b)) {
    if (id > start) lines.push(`${start} ${start} ${id - start}`)
    start = id + 1
  }
  if (start <= highest) lines.push(`${start} ${start} ${highest - start + 1}`)
  return lines.join('\n')
}

/** The number of the system call `unshare`, the one here that is not the same on every architecture. */
const UNSHARE: Partial<Record<NodeJS.Architecture, number>> = {
  arm: 337,
  arm64: 97,
  ia32: 310,
  loong64: 97,
  ppc64: 282,
  riscv64: 97,
  s390x: 303,
  x64: 272,
}

/**
 * Makes the mounts in a mount namespace and executes the rest. `mount` of util-linux can do this from 2.39 on, and the distributions of
 * today have an older one, so the system calls are made by perl, which belongs to the base of Debian and its kin: by one process, because
 * a run waits for every program that is executed before its own. Nothing that is mounted here is seen outside: the mounts become private
 * first. The source is opened without following a link, because a live run may have put one where a folder was when the run was planned.
 * A process that waits in a user namespace keeps it until it is open here.
 * Arguments: the number of `unshare`; source, target, uid map, gid map, for each mount; `--`; the command.
 */
const MAKE_MOUNTS = `
use strict;
my ($unshare, $empty, %users) = (shift @ARGV, '');
$unshare += 0;
die "unshare: $!\\n" if syscall($unshare, 0x20000) < 0;
my ($root, $private) = ('/', pack('Q4', 0, 0, 0x40000, 0));
die "private mounts: $!\\n" if syscall(442, -100, $root, 0x8000, $private, 32) < 0;
while ($ARGV[0] ne '--') {
  my ($source, $target, $uids, $gids) = splice(@ARGV, 0, 4);
  my $attributes = pack('Q4', 0x00100000, 0, 0, fileno($users{"$uids $gids"} ||= namespace($uids, $gids)));
  my $how = pack('Q3', 0x280000, 0, 4);
  my $folder = syscall(437, -100, $source, $how, 24);
  die "openat2 $source: $!\\n" if $folder < 0;
  my $tree = syscall(428, $folder, $empty, 0x81001);
  die "open_tree $source: $!\\n" if $tree < 0;
  die "mount_setattr $source: $!\\n" if syscall(442, $tree, $empty, 0x1000, $attributes, 32) < 0;
  die "move_mount $source: $!\\n" if syscall(429, $tree, $empty, -100, $target, 4) < 0;
}
shift @ARGV;
exec { $ARGV[0] } @ARGV or die "exec: $!\\n";
sub namespace {
  pipe(my $release, my $hold); pipe(my $ready, my $report);
  my $child = fork() // die "fork: $!\\n";
  if (!$child) {
    close $hold; close $ready;
    exit 1 if syscall($unshare, 0x10000000) < 0;
    syswrite($report, 'x');
    sysread($release, my $end, 1);
    exit 0;
  }
  close $release; close $report;
  sysread($ready, my $made, 1) or die "no user namespace\\n";
  for (['uid_map', $_[0]], ['gid_map', $_[1]]) {
    open(my $map, '>', "/proc/$child/$_->[0]") or die "$_->[0]: $!\\n";
    syswrite($map, $_->[1]) or die "$_->[0]: $!\\n";
  }
  open(my $users, '<', "/proc/$child/ns/user") or die "ns/user: $!\\n";
  close $hold; waitpid($child, 0);
  return $users;
}`

/** The program and the number that make id-mapped mounts here; null where perl is missing, or the machine is of another kind. */
function maker(): { readonly perl: string; readonly unshare: number } | null {
  const [perl, unshare] = [systemProgram('perl'), UNSHARE[process.arch]]
  return perl === null || unshare === undefined ? null : { perl, unshare }
}
const canHandOver = (): boolean => maker() !== null

/** Prepends the mounts of the handed-over folders to a command line. */
export function handOver(folders: readonly HandedOver[], account: Account, command: CommandLine): CommandLine {
  const found = maker()
  if (folders.length === 0 || found === null) return command
  return [
    found.perl,
    '-e',
    MAKE_MOUNTS,
    String(found.unshare),
    ...folders.flatMap(({ source, target, owner }) => [source, target, idMap(owner.uid, account.uid), idMap(owner.gid, account.gid)]),
    '--',
    ...command,
  ]
}

/** How an account may use a folder. */
export type FolderUse =
  | { readonly kind: 'as_it_is' }
  | { readonly kind: 'hand_over'; readonly owner: Account }
  | { readonly kind: 'closed' }

/** How an account gets to write a folder: as its owner, through a mount, or because its mode lets everybody. */
export function folderUse(folder: string, account: Account, mayHandOver: boolean): FolderUse {
  const { uid, gid, mode } = statSync(folder)
  if (uid === account.uid) return { kind: 'as_it_is' }
  // Also where everybody may write: the files in it may be closed, and what the agent writes is to be its owner's.
  if (mayHandOver && canHandOver()) return { kind: 'hand_over', owner: { uid, gid } }
  const bits = gid === account.gid ? mode >> 3 : mode
  return { kind: (bits & 0o7) === 0o7 ? 'as_it_is' : 'closed' }
}
