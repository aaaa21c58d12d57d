import type { ReactNode } from 'react'

/** Names with their values, one below the other. */
export const Facts = ({ children }: { readonly children: ReactNode }): ReactNode => <dl className="facts">{children}</dl>

/** One name with its value, within `Facts`. */
export const Fact = ({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)
