import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Link } from '../../router/Link.tsx'
import type { User } from './words.ts'

const versionWords = (version: number | 'latest'): string => (version === 'latest' ? 'the latest version' : `version ${version}`)

/** The agents and projects that use a secret, with the fields that refer to it. */
export function Users({ users }: { readonly users: readonly User[] }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <ul className="secret-users">
      {users.map(({ kind, id, name, fields }) => (
        <li key={`${kind} ${id}`}>
          <span>
            {kind === 'agent' ? 'Agent' : 'Project'}{' '}
            <Link to={pathOf(kind === 'agent' ? `agents/${id}?tab=configuration` : `projects/${id}`)}>{name}</Link>
          </span>
          <ul>
            {fields.map(({ path, version }) => (
              <li key={path}>
                <code>{path}</code> <span className="soft">{versionWords(version)}</span>
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  )
}
