// The types of the API document. In a checkout every path has any type; the package has those that `npm pack` makes of the document.

// oxlint-disable typescript/no-explicit-any

export type paths = Record<string, any>
export type components = Record<string, any>
export type operations = Record<string, any>
