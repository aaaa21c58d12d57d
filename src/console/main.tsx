import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { ApiProblem } from './api/client.ts'
import { App } from './App.tsx'
import { PageBoundary } from './frame/PageBoundary.tsx'
import './styles/index.css'

/** With the pauses below, for about half a minute: as long as a restart of the server takes. */
const RETRIES = 9
const pauseBefore = (count: number): number => Math.min(1000 * 2 ** count, 4000)

/** Only an answer that did not come, or one that says "later", is asked for again. */
const shouldRetry = (count: number, error: Error): boolean =>
  error instanceof ApiProblem && (error.status === 0 || error.status === 503) && count < RETRIES

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // The event stream says what is old, so nothing grows old by itself.
      staleTime: Infinity,
      gcTime: 5 * 60_000,
      retry: shouldRetry,
      retryDelay: pauseBefore,
      refetchOnWindowFocus: false,
      // Without a network the server of this machine still answers.
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})

const root = document.getElementById('root')
if (root !== null)
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <PageBoundary>
        <App />
      </PageBoundary>
    </QueryClientProvider>,
  )
