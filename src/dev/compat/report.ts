/** Maximum length of a line. An answer may be much longer. */
const MAX_LINE_LENGTH = 600

/** Counts passed and failed expectations and prints one line for each. */
export interface Report {
  /** @param problem null when the expectation is met */
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
