import { useRef, useState } from 'react'
import type { KeyboardEvent, ReactNode } from 'react'
import { AgentStatus } from '../../agentParts/AgentStatus.tsx'
import { roleName } from '../../agentParts/identity.tsx'
import type { OrgNode } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Status } from '../../parts/Status.tsx'
import { Link } from '../../router/Link.tsx'
import { go } from '../../router/location.ts'
import type { AgentLine } from './data.ts'
import { Now } from './Now.tsx'
import { findByLetter, linesOf, moveBy, parentsIn } from './tree.ts'
import type { TreeLine } from './tree.ts'

interface OrgTreeProps {
  readonly roots: readonly OrgNode[]
  /** The facts of agents by their ids, as far as they are read. */
  readonly facts: ReadonlyMap<string, AgentLine>
}

/** The tree of agents by whom they report to. Arrow keys walk, open and close; a letter finds a name; `enter` opens the agent. */
export function OrgTree({ roots, facts }: OrgTreeProps): ReactNode {
  const pathOf = useCompanyPath()
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const [focusedId, setFocusedId] = useState<string | null>(null)
  const items = useRef(new Map<string, HTMLLIElement>())
  const lines = linesOf(roots, closed)
  const present = Math.max(
    0,
    lines.findIndex(({ node }) => node.id === focusedId),
  )
  const toggle = (id: string): void =>
    setClosed((before) => {
      const after = new Set(before)
      if (!after.delete(id)) after.add(id)
      return after
    })
  const focus = (id: string): void => {
    setFocusedId(id)
    items.current.get(id)?.focus()
  }
  const open = (id: string): void => go(pathOf(`agents/${facts.get(id)?.agent.urlKey ?? id}`))
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const id = lines[present]?.node.id
    const found = /^\p{L}$/u.test(event.key) ? findByLetter(event.key, lines, present) : null
    const move = found === null ? moveBy(event.key, lines, present) : { focus: found }
    if (event.key === 'Enter' && id !== undefined) open(id)
    else if (move === null) return
    else if ('focus' in move) focus(move.focus)
    else toggle(move.toggle)
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <>
      <OpenAndClose parents={parentsIn(roots)} onClose={(ids) => setClosed(new Set(ids))} />
      <ul role="tree" aria-label="Organisation" className="org" onKeyDown={onKeyDown}>
        {lines.map((line, at) => (
          <TreeItem
            key={line.node.id}
            line={line}
            facts={facts.get(line.node.id)}
            isInTabOrder={at === present}
            keep={(element) => {
              if (element === null) items.current.delete(line.node.id)
              else items.current.set(line.node.id, element)
            }}
            onToggle={() => toggle(line.node.id)}
            onFocus={() => setFocusedId(line.node.id)}
          />
        ))}
      </ul>
    </>
  )
}

interface OpenAndCloseProps {
  /** The agents that others report to. */
  readonly parents: readonly string[]
  readonly onClose: (ids: readonly string[]) => void
}

function OpenAndClose({ parents, onClose }: OpenAndCloseProps): ReactNode {
  if (parents.length === 0) return null
  return (
    <p className="row org-acts">
      <button type="button" className="quiet" onClick={() => onClose([])}>
        Open all
      </button>
      <button type="button" className="quiet" onClick={() => onClose(parents)}>
        Close all
      </button>
    </p>
  )
}

interface TreeItemProps {
  readonly line: TreeLine
  readonly facts: AgentLine | undefined
  readonly isInTabOrder: boolean
  readonly keep: (element: HTMLLIElement | null) => void
  readonly onToggle: () => void
  readonly onFocus: () => void
}

function TreeItem({ line, facts, isInTabOrder, keep, onToggle, onFocus }: TreeItemProps): ReactNode {
  const pathOf = useCompanyPath()
  const { node, level, place, siblings, isOpen, below } = line
  const hasReports = node.reports.length > 0
  return (
    <li
      ref={keep}
      role="treeitem"
      aria-level={level}
      aria-posinset={place}
      aria-setsize={siblings}
      aria-expanded={hasReports ? isOpen : undefined}
      tabIndex={isInTabOrder ? 0 : -1}
      onFocus={onFocus}
    >
      <span className="org-name">
        <span className="org-indent" style={{ width: `${(level - 1) * 24}px` }} />
        <span className="org-caret" aria-hidden="true" onClick={hasReports ? onToggle : undefined}>
          {hasReports ? (isOpen ? '▾' : '▸') : ''}
        </span>
        <Link to={pathOf(`agents/${facts?.agent.urlKey ?? node.id}`)} tabIndex={-1} className="agent-name">
          {node.name}
        </Link>{' '}
        <span className="soft">{facts?.agent.title ?? roleName(node.role)}</span>
        {hasReports && !isOpen && <span className="soft"> · {below} below</span>}
      </span>
      <span className="org-state">{facts === undefined ? <Status of={node.status} /> : <AgentStatus agent={facts.agent} />}</span>
      <span className="org-now">{facts !== undefined && <Now line={facts} />}</span>
    </li>
  )
}
