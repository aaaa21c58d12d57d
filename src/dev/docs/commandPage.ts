import type { Command } from '../../cli/command.ts'
import { commands } from '../../cli/commands.ts'
import { exitCodes, optionForm, optionMeaning, reachOf, usageOf } from '../../cli/help.ts'
import { namedOptions, positionalOptions, sharedOptions } from '../../cli/optionSyntax.ts'
import type { OptionSyntax } from '../../cli/optionSyntax.ts'
import { allChecks } from '../../doctor/index.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')

const optionTable = (rows: readonly (readonly [string, OptionSyntax])[]): string[] =>
  rows.length === 0
    ? []
    : ['| option | meaning |', '| --- | --- |', ...rows.map(([form, option]) => `| \`${form}\` | ${cell(optionMeaning(option))} |`), '']

function commandSection(command: Command): string[] {
  const own = [
    ...positionalOptions(command).map((option) => [option.name.toUpperCase(), option] as const),
    ...namedOptions(command).map((option) => [optionForm(option), option] as const),
  ]
  return [
    `### ${command.name}`,
    '',
    `${command.summary}. ${reachOf(command)}`,
    '',
    ...(command.details === undefined ? [] : [command.details, '']),
    '```sh',
    `# ${usageOf(command)}`,
    ...[command.example].flat(),
    '```',
    '',
    ...optionTable(own),
  ]
}

const findings = (): string[] => [
  '## What the doctor finds',
  '',
  'A **fault** breaks a promise of this server, or will soon; a **warning** is worth a look. The ids never change.',
  '',
  '| id | level | meaning | remedy | `--fix` |',
  '| --- | --- | --- | --- | --- |',
  ...allChecks.map(
    ({ id, level, meaning, remedy, mends }) =>
      `| \`${id}\` | ${level} | ${cell(meaning)} | ${cell(remedy)} | ${mends === null ? '' : cell(mends)} |`,
  ),
]

/** The page doc/COMMANDS.md, from the declarations of the commands and of the doctor's checks. */
export const renderCommands = (): string =>
  `${[
    '# The command paperclip-server',
    '',
    'Written by `npm run docs` from the declarations in `src/cli/commands/` and `src/doctor/`.',
    '',
    'In a checkout it is run with `npm run -s cli -- COMMAND`. Text is for people and is cut to the width of the terminal; `--json` is for programs. Colours are used on a',
    'terminal only, and not when `NO_COLOR` is set. Characters that would act on a terminal, change the direction of a text or are not seen are replaced by `U+FFFD`, and a name of others',
    'is one line, because much of the text comes from agents. In JSON they are escapes, so its values are exact.',
    '',
    '| exit code | meaning |',
    '| --- | --- |',
    ...exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
    '**Readers that end.** A table, sentences and lines, such as those of `activity tail`, may be read as far as one likes: `paperclip-server issues ls | head` ends quietly. Of a backup',
    '(`backup -`), of `activity export` and of `--json` a part is worth nothing: where the reader ends early the exit code is 1, with a message on the standard error. So is a disk that is full.',
    '',
    '**Interrupts.** Ctrl-C, SIGTERM and SIGHUP end a command between two steps, and a sentence on the standard error says what is left. A command that has not ended after 5 s, and one that is',
    'interrupted again, ends in the middle: transactions are whole or not there, and an embedded Postgres that the command had started stops with it.',
    '',
    'With `--json` a failure is `{"error": {"message", "next", "code", "status", "requestId"}}` on the standard output.',
    '',
    '**Which server.** `--url`; otherwise `PAPERCLIP_URL` or `PAPERCLIP_API_URL`; otherwise the address in the file `running.json` of the home (`--home`,',
    '`PAPERCLIP_HOME`, `~/.paperclip-server`), which a server keeps there while it runs; otherwise `PORT` of this machine.',
    '',
    '**As whom.** The token in `PAPERCLIP_TOKEN`, `PAPERCLIP_API_KEY` or `PAPERCLIP_BOARD_TOKEN`; otherwise the token of the board in the home, which is sent to',
    'addresses of this machine only, and only where `--url` or a variable names the address, or where the server of the home has announced it and lives. Tokens and secrets are never arguments: other accounts of a host see those.',
    '',
    '**What asks first.** A command that ends work or gives power shows what it would do and asks. `--yes` answers in advance; without a terminal it is needed.',
    '',
    'Every command takes:',
    '',
    ...optionTable(sharedOptions.map((option) => [optionForm(option), option])),
    '## Commands',
    '',
    ...commands.flatMap(commandSection),
    ...findings(),
  ].join('\n')}\n`
