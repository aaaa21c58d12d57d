import type { AnchorHTMLAttributes, MouseEvent, ReactNode } from 'react'
import { BASE, go } from './location.ts'

interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  /** An address below `/console`. */
  readonly to: string
  readonly children: ReactNode
}

const isPlainClick = (event: MouseEvent): boolean =>
  event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented

/** A link inside the console. Other clicks than a plain one are left to the browser. */
export function Link({ to, children, onClick, ...rest }: LinkProps): ReactNode {
  return (
    <a
      {...rest}
      href={BASE + to}
      onClick={(event) => {
        onClick?.(event)
        if (!isPlainClick(event)) return
        event.preventDefault()
        go(to)
      }}
    >
      {children}
    </a>
  )
}
