import type { ReactNode } from 'react'
import type { z } from 'zod'
import type { environmentView } from '../../org/agents/views.ts'
import { useAct } from '../api/acts.ts'
import { inBackground } from '../api/background.ts'
import { request, segment } from '../api/client.ts'
import { useCompany } from '../frame/company.tsx'
import { Problem } from '../parts/Problem.tsx'
import { Status } from '../parts/Status.tsx'
import type { Tone } from '../parts/Status.tsx'
import type { Config } from './formValues.ts'

type Environment = z.output<typeof environmentView>

const tones: Readonly<Record<string, Tone>> = { info: 'quiet', warn: 'warn', error: 'bad', pass: 'good', fail: 'bad' }

/** Asks the server whether a run with a configuration would start, and shows each finding. It executes nothing. */
export function EnvironmentCheck({ type, config }: { readonly type: string; readonly config: () => Config }): ReactNode {
  const company = useCompany()
  const check = useAct<Config, Environment>(
    ['agents', 'agent'],
    async (adapterConfig) =>
      (
        await request<Environment>('POST', `/companies/${company.id}/adapters/${segment(type)}/test-environment`, {
          body: { adapterConfig },
        })
      ).data,
  )
  return (
    <div className="environment">
      <button type="button" className="secondary" disabled={check.isPending} onClick={() => inBackground(check.mutateAsync(config()))}>
        Check whether a run would start
      </button>
      {check.error !== null && <Problem problem={check.error} />}
      {check.data !== undefined && (
        <div role="status">
          <p>
            <Status
              of={check.data.status}
              tone={tones[check.data.status] ?? 'quiet'}
              words={
                check.data.status === 'pass'
                  ? 'It would start'
                  : check.data.status === 'warn'
                    ? 'It would start, with warnings'
                    : 'It would not start'
              }
            />
          </p>
          <ul>
            {check.data.checks.map(({ code, level, message, hint }) => (
              <li key={`${code}${message}`}>
                <Status of={level} tone={tones[level] ?? 'quiet'} words={level} /> {message}
                {hint !== null && <span className="soft"> {hint}</span>}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  )
}
