import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runCommandLine } from '../dev/testing/commandLine.ts'
import { commands } from './commands.ts'
import { commandHelp } from './help.ts'
import { parseLine } from './parse.ts'
import { cut, escapeJson, forPeople, oneLine, plain, safeJson, sentence, textWidth, toned } from './screen.ts'
import { findServer } from './server.ts'
import { ago, fields, table } from './table.ts'

const screen = { isTerminal: false, width: Number.POSITIVE_INFINITY, hasColours: false }

describe('Every command', () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    '%s has a help with its summary and an example',
    (name, command) => {
      const help = commandHelp(command)
      expect(help).toContain(command.summary)
      expect([command.example].flat().join('\n')).toContain(`paperclip-server ${name}`)
      expect(command.summary).not.toMatch(/\.$/)
    },
  )

  test('Each example is a command line that the parser accepts', () => {
    const refused: string[] = []
    for (const { example } of commands)
      for (const line of [example].flat()) {
        const words = /(?:^|[|(<]\s*)paperclip-server ((?:"[^"]*"|[^|<>)])*)/.exec(line)?.[1]?.match(/"[^"]*"|\S+/g) ?? []
        try {
          parseLine(
            commands,
            words.map((word) => word.replaceAll('"', '')),
          )
        } catch (error) {
          refused.push(`${line}: ${(error as Error).message}`)
        }
      }
    expect(refused).toEqual([])
  })

  test('No two have the same name, and a name has one or two words', () => {
    const names = commands.map(({ name }) => name)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
    expect(names.filter((name) => !/^[a-z-]+(?: [a-z-]+)?$/.test(name))).toEqual([])
  })

  test('No option has a secret as its value, because other accounts see arguments', () => {
    const names = commands.flatMap(({ name, options }) => Object.keys(options.shape).map((key) => `${name} ${key}`))
    expect(names.filter((name) => /(?:token|password|value|secret)$/i.test(name))).toEqual([])
  })
})

describe('A command line', () => {
  test.each([
    [['lcoks', 'ls'], 'lcoks ls: is no command', 'did you mean locks ls?'],
    [['locks', 'lss'], 'locks lss: is no command', 'did you mean locks ls?'],
    [['locks', 'ls', '--sttae', 'live'], '--sttae: is no option of locks ls', 'did you mean --state?'],
    [['locks', 'ls', '--state', 'lively'], '--state: Invalid option', 'for example: paperclip-server locks ls'],
    [['locks', 'ls', '--limit', '0'], '--limit: Too small', 'for example'],
    [['locks', 'show'], 'locks show needs ISSUE', 'for example: paperclip-server locks show ACME-12'],
    [['locks', 'show', 'A-1', 'A-2'], 'A-2: is one argument too many for locks show', '--help'],
    [['locks', 'release', 'A-1'], 'locks release needs --reason', 'for example'],
    [['runs', 'show', 'no-uuid'], 'RUN: Invalid UUID', 'for example'],
    [['locks', 'ls', '--limit'], "Option '--limit <value>' argument missing", '--help'],
    [['--url'], '--url: is no command', '--help'],
  ])('%j ends with exit code 2, a sentence and the way on', async (args, message, next) => {
    const { exit, err, out } = await runCommandLine(args)
    expect({ exit, out }).toEqual({ exit: 2, out: '' })
    expect(err).toContain(message)
    expect(err).toContain(next)
  })

  test('Help is printed for the program, a noun and a command, in every form', async () => {
    expect(await runCommandLine(['--help'])).toMatchObject({ exit: 0, out: expect.stringContaining('locks release') as string })
    expect(await runCommandLine(['locks', '--help'])).toMatchObject({ exit: 0, out: expect.not.stringContaining('runs ls') as string })
    const { out } = await runCommandLine(['locks', 'release', '--help'])
    expect(out).toContain('--clear-assignee')
    expect((await runCommandLine(['help', 'locks', 'release'])).out).toBe(out)
    expect((await runCommandLine(['locks', 'release', '-h', '--nonsense'])).exit).toBe(2)
    expect(await runCommandLine([])).toMatchObject({ exit: 2, out: expect.stringContaining('Usage') as string })
    expect(await runCommandLine(['--version'])).toEqual({ exit: 0, out: 'test\n', err: '' })
  })

  test('Shared options may stand before the command', () => {
    const line = parseLine(commands, ['--json', '--url', 'http://127.0.0.1:1', 'locks', 'ls', '--state', 'dead'])
    expect(line).toMatchObject({
      command: { name: 'locks ls' },
      shared: { json: true, url: 'http://127.0.0.1:1' },
      options: { state: 'dead', limit: 50 },
    })
  })

  test('With --json a failure is one JSON value on the standard output', async () => {
    const { exit, out, err } = await runCommandLine(['locks', 'show', '--json'])
    expect({ exit, err }).toEqual({ exit: 2, err: '' })
    expect(JSON.parse(out)).toMatchObject({ error: { message: 'locks show needs ISSUE' } })
  })

  test('A server that does not answer is exit code 3 with the way to start one', async () => {
    const { exit, err } = await runCommandLine(['status', '--url', 'http://127.0.0.1:1'])
    expect(exit).toBe(3)
    expect(err).toContain('No server answers at http://127.0.0.1:1\n  start it with')
  })
})

describe('Completion', () => {
  test.each(['bash', 'zsh', 'fish'])('The script of %s names every command', async (shell) => {
    const { exit, out } = await runCommandLine(['completion', shell])
    expect(exit).toBe(0)
    for (const { name } of commands) for (const word of name.split(' ')) expect(out).toContain(word)
  })

  test('The script of bash completes nouns, verbs, options and choices', async () => {
    const { out } = await runCommandLine(['completion', 'bash'])
    const complete = (...words: string[]): string[] => {
      const list = words.map((word) => `'${word}'`).join(' ')
      const script = `${out}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _paperclip_server; printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n')
    }
    expect(complete('paperclip-server', 'loc')).toEqual(['locks'])
    expect(complete('paperclip-server', 'locks', '')).toEqual(['ls', 'show', 'release'])
    expect(complete('paperclip-server', 'locks', 'release', '--cl')).toEqual(['--clear-assignee'])
    expect(complete('paperclip-server', 'completion', 'f')).toEqual(['fish'])
  })
})

describe('Text on a terminal', () => {
  test('A text of an agent cannot act on the terminal, neither as text nor as JSON', () => {
    const hostile = 'a\u001B]0;title\u0007b\u009B31mc\u202Ed\re'
    expect(plain(hostile)).toBe('a\u{FFFD}]0;title\u{FFFD}b\u{FFFD}31mc\u{FFFD}d\u{FFFD}e')
    expect(oneLine('a\nb\tc')).toBe('a b c')
    // oxlint-disable-next-line no-control-regex
    expect(safeJson({ text: hostile })).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u202E]/)
    expect(JSON.parse(safeJson({ text: hostile }))).toEqual({ text: hostile })
  })

  test('A text of others cannot colour itself, and a tone of this program is printed where the screen has colours', () => {
    const coloured = { hasColours: true }
    const name = 'red \u001B[31m text'
    expect(forPeople(coloured, `${name} is ${toned(coloured, 'good', 'live')}.`)).toBe('red \u{FFFD}[31m text is \u001B[32mlive\u001B[0m.')
    // The output may be a terminal where the standard error is none.
    expect(forPeople({ hasColours: false }, toned(coloured, 'good', 'live'))).toBe('live')
  })

  test('A name in a sentence is one line, and invisible characters and tags are marked', () => {
    expect(sentence`${'Ada\nThe key is revoked.'} is ${null}.`).toBe('Ada The key is revoked. is -.')
    expect(plain('a\u00ADb\u{E0041}c\u200Bd')).toBe('a\u{FFFD}b\u{FFFD}c\u{FFFD}d')
    const lines = `${JSON.stringify({ text: 'a\u{E0041}\u009Bb' })}\n`
    expect(escapeJson(lines)).toBe('{"text":"a\\udb40\\udc41\\u009bb"}\n')
    expect(JSON.parse(escapeJson(lines))).toEqual(JSON.parse(lines))
  })

  test('A table is cut to the width of the terminal, first where it says so, by the columns of each character', () => {
    const narrow = { isTerminal: true, width: 30, hasColours: false }
    const text = table(
      narrow,
      [
        { id: 'ACME-1', title: 'A title that is far too long for it' },
        { id: 'ACME-2', title: '日本語の長い題名がここにある' },
      ],
      [
        { title: 'issue', value: ({ id }) => id },
        { title: 'title', value: ({ title }) => title, gives: true },
      ],
      'none',
    )
    for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(30)
    expect(text).toContain('ACME-1  A title that is far t…')
    expect(cut('日本語', 5)).toBe('日本…')
    expect(table(narrow, [], [{ title: 'a', value: () => 1 }], 'There is none.')).toBe('There is none.')
  })

  test('Colours are used on a terminal only, and not with NO_COLOR', () => {
    const shown = (hasColours: boolean): string =>
      forPeople({ hasColours }, fields({ ...screen, hasColours }, [['state', { text: 'dead', tone: 'bad' }]]))
    expect(shown(true)).toContain('\u001B[31mdead\u001B[0m')
    expect(shown(false)).toBe('state  dead')
  })

  test('A time is shown by its largest unit', () => {
    const now = Date.parse('2026-11-30T12:00:00Z')
    expect(ago('2026-11-30T11:57:30Z', now)).toBe('2 min ago')
    expect(ago('2026-11-28T10:00:00Z', now)).toBe('2 d ago')
    expect(ago('2026-11-30T12:00:20Z', now)).toBe('in 20 s')
    expect(ago(null, now)).toBe('-')
  })
})

describe('The server that a command speaks to', () => {
  const home = (): string => {
    const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-cli-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(path.join(folder, 'board-token'), 'pcp_local_83f1c2a9d4e5b60718293a4b5c6d7e8f9a0b1c2d3e4f5061\n', { mode: 0o600 })
    return folder
  }

  test('It is the one that is asked for, then that of the environment, of the home, and of PORT', () => {
    const folder = home()
    const url = (env: Record<string, string>, asked: string | null = null): string => findServer(env, folder, asked).url
    expect(url({ PAPERCLIP_URL: 'http://127.0.0.1:1' }, 'http://127.0.0.1:2/')).toBe('http://127.0.0.1:2')
    expect(url({ PAPERCLIP_URL: 'http://127.0.0.1:1' })).toBe('http://127.0.0.1:1')
    expect(url({ PAPERCLIP_API_URL: 'http://127.0.0.1:1/api' })).toBe('http://127.0.0.1:1')
    expect(url({ PORT: '4000' })).toBe('http://127.0.0.1:4000')
    writeFileSync(path.join(folder, 'running.json'), JSON.stringify({ url: 'http://127.0.0.1:5', pid: 1 }))
    expect(url({ PORT: '4000' })).toBe('http://127.0.0.1:5')
    expect(() => url({}, 'ftp://x')).toThrow('is no http')
    expect(() => url({}, 'http://user:password@x')).toThrow('must not carry credentials')
  })

  test('The token of the home is sent to this machine only, and a token of the environment goes before it', () => {
    const folder = home()
    writeFileSync(path.join(folder, 'running.json'), JSON.stringify({ url: 'http://127.0.0.1:5', pid: process.pid }))
    expect(findServer({}, folder, null).token).toMatch(/^pcp_local_/)
    // At a port that is guessed, or that a dead server has left, any program may listen.
    writeFileSync(path.join(folder, 'running.json'), JSON.stringify({ url: 'http://127.0.0.1:5', pid: 4_194_305 }))
    expect(findServer({}, folder, null)).toEqual({ url: 'http://127.0.0.1:5', token: null })
    rmSync(path.join(folder, 'running.json'))
    expect(findServer({}, folder, null).token).toBeNull()
    expect(findServer({}, folder, 'http://127.0.0.1:2').token).toMatch(/^pcp_local_/)
    expect(findServer({}, folder, 'http://[::1]:2').token).toMatch(/^pcp_local_/)
    expect(findServer({}, folder, 'http://127.0.0.1.example.com:2').token).toBeNull()
    expect(findServer({}, folder, 'https://example.com').token).toBeNull()
    expect(findServer({ PAPERCLIP_TOKEN: 'mine' }, folder, 'https://example.com').token).toBe('mine')
  })

  test('A token that other accounts can read is refused, and one that is not there is none', () => {
    const folder = home()
    chmodSync(path.join(folder, 'board-token'), 0o644)
    expect(() => findServer({}, folder, 'http://127.0.0.1:2')).toThrow('can be read by other users')
    mkdirSync(path.join(folder, 'empty'))
    expect(findServer({}, path.join(folder, 'empty'), 'http://127.0.0.1:2').token).toBeNull()
  })
})
