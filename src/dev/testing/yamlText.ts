import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import type { CreateNodeOptions, ToStringOptions } from 'yaml'

/**
 * The YAML of a value in a style, for a property. The library writes some texts that begin or end with spaces, line ends or signs as other
 * texts, or as no YAML: such a case of the property is skipped, because it says nothing about the reader.
 */
export function yamlOf(value: unknown, style: CreateNodeOptions & ToStringOptions): string {
  const text = stringify(value, style)
  fc.pre(isWritten(text, value))
  return text
}

function isWritten(text: string, value: unknown): boolean {
  try {
    // A comment behind the text is part of what the properties send.
    return JSON.stringify(parse(`${text}# the end\n`)) === JSON.stringify(value)
  } catch {
    return false
  }
}
