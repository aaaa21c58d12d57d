import type { ReactNode } from 'react'
import type { Run } from '../../api/types.ts'
import { Markdown } from '../../texts/Markdown.tsx'
import { useRunEvents } from './data.ts'
import { resultParts, startOf, usageLines } from './report.ts'
import type { Line } from './report.ts'

const Lines = ({ lines }: { readonly lines: readonly Line[] }): ReactNode => (
  <dl className="facts">
    {lines.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
)

/** A long text that does not wrap and can be scrolled by the keyboard. */
const Code = ({ name, text }: { readonly name: string; readonly text: string }): ReactNode => (
  <pre className="run-code" role="region" aria-label={name} tabIndex={0}>
    {text}
  </pre>
)

/** The report of the agent on its run: its result and its usage. */
export function RunResult({ run }: { readonly run: Run }): ReactNode {
  const usage = usageLines(run)
  const { words, rest } = resultParts(run.resultJson)
  const sessions = [
    ['Session before', run.sessionIdBefore],
    ['Session after', run.sessionIdAfter],
    ['Own id of the run', run.externalRunId],
  ].flatMap(([name, value]): Line[] => (typeof name === 'string' && typeof value === 'string' ? [[name, value]] : []))
  if (usage.length + sessions.length === 0 && words === null && rest === null)
    return (
      <section aria-labelledby="result">
        <h2 id="result">Result</h2>
        <p className="soft">The agent has reported neither a result nor its usage.</p>
      </section>
    )
  return (
    <section aria-labelledby="result">
      <h2 id="result">Result</h2>
      {words !== null && <Markdown text={words} />}
      <Lines lines={[...usage, ...sessions]} />
      {rest !== null && (
        <details>
          <summary>All that it reported</summary>
          <Code name="Result of the run" text={JSON.stringify(rest, null, 2)} />
        </details>
      )}
    </section>
  )
}

/** How the run was started. */
export function RunStart({ run }: { readonly run: Run }): ReactNode {
  const start = startOf(useRunEvents(run.id).rows)
  return (
    <section aria-labelledby="start">
      <h2 id="start">Start</h2>
      {start === null ? (
        <p className="soft">
          {run.status === 'queued' ? 'The run has not started.' : 'This server did not start the run, so it knows no command of it.'}
        </p>
      ) : (
        <>
          {start.command !== null && <Code name="Command" text={start.command} />}
          <Lines lines={start.lines} />
          <details>
            <summary>Environment: {start.variables.length} variables, without their values</summary>
            <ul className="variables">
              {start.variables.map((name) => (
                <li key={name} className="mono">
                  {name}
                </li>
              ))}
            </ul>
          </details>
        </>
      )}
      {run.contextSnapshot !== null && Object.keys(run.contextSnapshot).length > 0 && (
        <details>
          <summary>Context</summary>
          <Code name="Context of the run" text={JSON.stringify(run.contextSnapshot, null, 2)} />
        </details>
      )}
    </section>
  )
}
