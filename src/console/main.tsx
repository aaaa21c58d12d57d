import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { ApiProblem } from './api/client.ts'
import { App } from './App.tsx'
import './styles/index.css'

const RETRIES = 5

/** Only an answer that did not come, or one that says "later", is asked for again. */
const shouldRetry = (count: number, error: Error): boolean =>
  error instanceof ApiProblem && (error.status === 0 || error.status === 503) && count < RETRIES

const queries = new QueryClient({
  // The event stream says what is old, so nothing grows old by itself.
  // The server may be on this machine, which needs no network: no read waits until the browser believes to be online.
  defaultOptions: {
    queries: { staleTime: Infinity, gcTime: 60_000, retry: shouldRetry, refetchOnWindowFocus: false, networkMode: 'always' },
    mutations: { networkMode: 'always' },
  },
})

const root = document.getElementById('root')
if (root !== null)
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>,
  )
