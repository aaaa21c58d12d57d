import type { ReactNode } from 'react'
import type { ApprovalDetail } from '../../api/types.ts'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { beyondAscii, codePointName } from '../../texts/hiddenCharacters.ts'
import { Json } from '../../texts/Json.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { recordOf } from './words.ts'

export type Warning = NonNullable<ApprovalDetail['warnings']>[number]
type Config = Readonly<Record<string, unknown>>

interface CommandProps {
  /** A configuration of an adapter, or a payload that names a command. */
  readonly config: Config
  /** Where it stands, as the warnings of the server name it. */
  readonly path: string
  readonly warnings: readonly Warning[]
}

interface Word {
  readonly text: string
  readonly path: string
}

const argumentFields = ['args', 'extraArgs', 'commandArgs'] as const
const ownFields: ReadonlySet<string> = new Set(['command', 'cwd', 'env', 'headers', ...argumentFields])

const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

/** The words of the command, in their order. */
function wordsOf(config: Config, path: string): readonly Word[] {
  const command =
    config['command'] === undefined || config['command'] === null ? [] : [{ text: asText(config['command']), path: `${path}.command` }]
  const given = argumentFields.flatMap((field) =>
    (Array.isArray(config[field]) ? (config[field] as unknown[]) : []).map((word, at) => ({
      text: asText(word),
      path: `${path}.${field}[${at}]`,
    })),
  )
  return [...command, ...given]
}

/** Whether a value names a command. */
export const hasCommand = (config: Config): boolean => 'command' in config || argumentFields.some((field) => field in config)

/** A command as it would be started: each word by itself, so that a space within one is seen; dangers are marked. */
export function Command({ config, path, warnings }: CommandProps): ReactNode {
  const words = wordsOf(config, path)
  const foreign = words.flatMap(({ text }) => beyondAscii(text))
  const rest = Object.fromEntries(Object.entries(config).filter(([name]) => !ownFields.has(name)))
  return (
    <div className="stack">
      {words.length > 0 && (
        <ol className="command-words" aria-label="Command, word by word" tabIndex={0}>
          {words.map((word, at) => (
            <CommandWord
              key={word.path}
              word={word}
              isProgram={at === 0}
              isMarked={warnings.some((warning) => warning.path === word.path) || beyondAscii(word.text).length > 0}
            />
          ))}
        </ol>
      )}
      {foreign.length > 0 && (
        <p className="danger-line">
          <span aria-hidden="true">▲ </span>Letters that may look like others:{' '}
          {[...new Set(foreign)].map((letter) => `${letter} (${codePointName(letter)})`).join(', ')}
        </p>
      )}
      {config['cwd'] !== undefined && config['cwd'] !== null && (
        <Facts>
          <Fact name="In the folder">
            <code>
              <VisibleText text={asText(config['cwd'])} />
            </code>
          </Fact>
        </Facts>
      )}
      <Values name="Environment" values={recordOf(config['env'])} path={`${path}.env`} warnings={warnings} />
      <Values name="Headers" values={recordOf(config['headers'])} path={`${path}.headers`} warnings={warnings} />
      {Object.keys(rest).length > 0 && (
        <>
          <h4>Further settings</h4>
          <Json name="Further settings" value={rest} />
        </>
      )}
    </div>
  )
}

const CommandWord = ({
  word,
  isProgram,
  isMarked,
}: {
  readonly word: Word
  readonly isProgram: boolean
  readonly isMarked: boolean
}): ReactNode => (
  <li className={`${isProgram ? 'program' : ''}${isMarked ? ' marked' : ''}`}>
    {isMarked && (
      <span>
        <span aria-hidden="true">▲ </span>
        <span className="hidden">Marked: </span>
      </span>
    )}
    <code>{word.text === '' ? <span className="soft">(empty)</span> : <VisibleText text={word.text} />}</code>
  </li>
)

/** The value of a binding as it is read by people. */
function valueText(binding: unknown): string {
  const { type, value } = recordOf(binding)
  if (type === 'plain') return asText(value)
  return asText(binding)
}

interface ValuesProps {
  readonly name: string
  readonly values: Config
  readonly path: string
  readonly warnings: readonly Warning[]
}

function Values({ name, values, path, warnings }: ValuesProps): ReactNode {
  const entries = Object.entries(values)
  if (entries.length === 0) return null
  return (
    <div className="values">
      <h4>{name}</h4>
      <dl>
        {entries.map(([key, value]) => {
          const isMarked = warnings.some((warning) => warning.path === `${path}.${key}`)
          return (
            <div key={key} className={isMarked ? 'marked' : undefined}>
              <dt>
                {isMarked && <span aria-hidden="true">▲ </span>}
                {isMarked && <span className="hidden">Marked: </span>}
                <code>
                  <VisibleText text={key} />
                </code>
              </dt>
              <dd>
                <code>
                  <VisibleText text={valueText(value)} />
                </code>
              </dd>
            </div>
          )
        })}
      </dl>
    </div>
  )
}

/** The findings of the server in a configuration that a person should look at. An empty list is no promise. */
export function Dangers({ warnings }: { readonly warnings: readonly Warning[] }): ReactNode {
  if (warnings.length === 0) return null
  return (
    <section className="dangers" aria-label="Look at this">
      <h3>
        <span aria-hidden="true">▲ </span>Look at this before you approve
      </h3>
      <ul>
        {warnings.map(({ code, path, message }) => (
          <li key={`${code} ${path} ${message}`}>
            <VisibleText text={message} />{' '}
            <code>
              <VisibleText text={path} />
            </code>
          </li>
        ))}
      </ul>
    </section>
  )
}
