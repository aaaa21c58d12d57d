/** Longest line about what went wrong; an answer may be pages long. */
const MAX_LINE_LENGTH = 600

/** Counts what was as promised and what was not, and says so line by line. */
export interface Report {
  /** @param problem null where the promise held */
  record(expectation: string, problem: string | null): void
  /** Prints `N passed, N failed`. @returns the exit code */
  close(): number
}

export function createReport(): Report {
  let passed = 0
  let failed = 0
  return {
    record(expectation, problem) {
      if (problem === null) passed += 1
      else failed += 1
      const line = problem === null ? `  ok      ${expectation}` : `  FAILED  ${expectation}: ${problem}`
      process.stdout.write(`${line.slice(0, MAX_LINE_LENGTH)}\n`)
    },
    close() {
      process.stdout.write(`${passed} passed, ${failed} failed\n`)
      return failed === 0 ? 0 : 1
    },
  }
}
