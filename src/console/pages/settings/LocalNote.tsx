import type { ReactNode } from 'react'

/** Why a part of the settings does not apply to a server on which people do not sign in. */
export const LocalNote = ({ children }: { readonly children: ReactNode }): ReactNode => (
  <div className="local-note">
    <p>{children}</p>
    <p className="soft">
      People sign in to a server that is started with <code>PAPERCLIP_DEPLOYMENT_MODE=authenticated</code>. Then this part of the settings
      has its lists.
    </p>
  </div>
)
