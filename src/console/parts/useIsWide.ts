import { useSyncExternalStore } from 'react'

/** From here on two columns are beside each other. */
const wide = '(width >= 1100px)'

/** Whether the window has room for a list with what is opened beside it. */
export const useIsWide = (): boolean =>
  useSyncExternalStore(
    (listen) => {
      const query = matchMedia(wide)
      query.addEventListener('change', listen)
      return () => query.removeEventListener('change', listen)
    },
    () => matchMedia(wide).matches,
  )
