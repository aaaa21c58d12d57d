// The parts of package.js that the tests use.

interface Built {
  readonly dependencies: Readonly<Record<string, string>>
  readonly hasTesting: boolean
}

type Manifest = Readonly<Record<string, unknown>>

/** Makes the compiled program in a folder. @param optional names of packages that may be left out */
export function buildPackage(
  optional: readonly string[],
  options?: { readonly target?: string; readonly hasTypes?: boolean },
): Promise<Built>
/** The description of the package, from that of the checkout. */
export function packedManifest(manifest: Manifest, built: Built): Manifest
