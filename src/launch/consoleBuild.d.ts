// The parts of consoleBuild.js that the program and the tests use.

/** Where the console of exactly these sources stands, or will stand. */
export function consoleFolder(): string
/** Makes the console unless it stands there. @returns its folder */
export function makeConsole(): Promise<string>
