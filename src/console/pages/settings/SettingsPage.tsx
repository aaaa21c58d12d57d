import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'
import { Tabs } from '../../parts/Tabs.tsx'
import { usePlace } from '../../router/location.ts'
import { CompanyTab } from './CompanyTab.tsx'
import { InstanceTab } from './InstanceTab.tsx'
import { InvitationsTab } from './InvitationsTab.tsx'
import { MembersTab } from './MembersTab.tsx'
import { RequestsTab } from './RequestsTab.tsx'
import { SessionsTab } from './SessionsTab.tsx'

const tabs = [
  { value: '', label: 'Company', Content: CompanyTab },
  { value: 'members', label: 'Members', Content: MembersTab },
  { value: 'invitations', label: 'Invitations', Content: InvitationsTab },
  { value: 'requests', label: 'Join requests', Content: RequestsTab },
  { value: 'sessions', label: 'My sessions', Content: SessionsTab },
  { value: 'instance', label: 'Instance', Content: InstanceTab },
] as const

/** Settings of the company, and who uses it. */
export default function SettingsPage(): ReactNode {
  const present = usePlace().query.get('tab') ?? ''
  const { Content } = tabs.find(({ value }) => value === present) ?? tabs[0]
  return (
    <Page title="Settings">
      <Tabs tabs={tabs} label="Parts of the settings" />
      <div className="settings">
        <Content />
      </div>
    </Page>
  )
}
