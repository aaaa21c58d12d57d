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

/**
 * Makes the mounts and executes the rest. `mount` of util-linux can do this from 2.39 on, and the distributions of today have
 * an older one, so the four system calls are made by perl, which belongs to the base of Debian and its kin. Their numbers
 * are the same on every architecture. The source is opened without following a link, because a live run may have put one where a
 * folder was when the run was planned. Arguments: source, target, uid map, gid map, for each mount; `--`; the command.
 */
const MAKE_MOUNTS = `
use strict; use warnings;
while ($ARGV[0] ne '--') {
  my ($source, $target, $uids, $gids) = splice(@ARGV, 0, 4);
  pipe(my $release, my $hold); pipe(my $ready, my $report);
  my $child = fork() // die "fork: $!\\n";
  if (!$child) {
    close $hold; close $ready;
    open(STDIN, '<&', $release); open(STDOUT, '>&', $report);
    exec 'unshare', '--user', '--', '/bin/sh', '-c', 'echo; read x' or exit 1;
  }
  close $release; close $report;
  defined(readline($ready)) or die "no user namespace for $source\\n";
  for (['uid_map', $uids], ['gid_map', $gids]) {
    open(my $map, '>', "/proc/$child/$_->[0]") or die "$_->[0]: $!\\n";
    syswrite($map, $_->[1]) or die "$_->[0]: $!\\n";
  }
  open(my $users, '<', "/proc/$child/ns/user") or die "ns/user: $!\\n";
  my $empty = ''; my $attributes = pack('Q4', 0x00100000, 0, 0, fileno($users));
  my $how = pack('Q3', 0x280000, 0, 4);
  my $folder = syscall(437, -100, $source, $how, 24);
  die "openat2 $source: $!\\n" if $folder < 0;
  my $tree = syscall(428, $folder, $empty, 0x81001);
  die "open_tree $source: $!\\n" if $tree < 0;
  die "mount_setattr $source: $!\\n" if syscall(442, $tree, $empty, 0x1000, $attributes, 32) < 0;
  die "move_mount $source: $!\\n" if syscall(429, $tree, $empty, -100, $target, 4) < 0;
  close $hold; waitpid($child, 0);
}
shift @ARGV;
exec { $ARGV[0] } @ARGV or die "exec: $!\\n";`

/** The programs for id-mapped mounts; null where one of them is missing. */
function programs(): { unshare: string; perl: string } | null {
  const [unshare, perl] = [systemProgram('unshare'), systemProgram('perl')]
  return unshare === null || perl === null ? null : { unshare, perl }
}
const canHandOver = (): boolean => programs() !== null

/** Prepends the mounts of the handed-over folders to a command line. */
export function handOver(folders: readonly HandedOver[], account: Account, command: CommandLine): CommandLine {
  const found = programs()
  if (folders.length === 0 || found === null) return command
  return [
    found.unshare,
    '--mount',
    '--',
    found.perl,
    '-e',
    MAKE_MOUNTS,
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
