/** Variables of a server without quotas: a load generator is one agent that does the work of hundreds. */
export const unmetered: Readonly<Record<string, string>> = Object.fromEntries(
  ['AGENT', 'COMPANY'].flatMap((party) =>
    ['OPEN_RUNS', 'WAKES_PER_HOUR', 'REQUESTS_PER_SECOND', 'REQUEST_BURST', 'MB_PER_HOUR'].map((quota) => [
      `PAPERCLIP_${party}_${quota}`,
      '0',
    ]),
  ),
)
