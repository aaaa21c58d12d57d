// `fresh` comes with Express and brings no types of its own.
declare module 'fresh' {
  /** True when the client's conditional headers name the version that the response headers describe. */
  export default function fresh(
    requestHeaders: Readonly<Record<string, string | undefined>>,
    responseHeaders: Readonly<Record<string, string | undefined>>,
  ): boolean
}
