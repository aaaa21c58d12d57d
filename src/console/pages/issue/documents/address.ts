import { setQuery } from '../../../router/location.ts'

export type DocumentTab = 'read' | 'history' | 'edit'

/** The open document stands in the address, so that it can be sent to another person. */
export const documentAddress = {
  open: (key: string, tab: DocumentTab): void => setQuery({ document: key, tab: tab === 'read' ? null : tab, from: null, to: null }),
  compare: (from: number, to: number): void => setQuery({ from: String(from), to: String(to) }),
  close: (): void => setQuery({ document: null, tab: null, from: null, to: null }),
}

export const tabOf = (query: URLSearchParams): DocumentTab => {
  const tab = query.get('tab')
  return tab === 'history' || tab === 'edit' ? tab : 'read'
}
