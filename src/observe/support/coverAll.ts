// The last step before a text leaves the host: what is known to be secret, or to name a person or the machine, is covered wherever it stands. Pure.

import { createCover } from '../../platform/kernel/cover.ts'
import { redact } from '../../platform/kernel/redact.ts'

/** The texts of the host that the last step covers. */
export interface KnownTexts {
  /** The values of secrets. */
  readonly secrets: readonly string[]
  /** The folder of the account, which mostly has the name of a person. */
  readonly accountFolder: string
  /** The name of the account. */
  readonly account: string
  /** The name of the machine. */
  readonly machine: string
}

/** Shorter names are found in ordinary words. */
const MIN_NAME = 4

/** Names that say nothing about a person. */
const ordinary = ['root', 'node', 'daemon', 'localhost', 'paperclip', 'postgres', 'ubuntu', 'debian']

const emailAddress = /[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** The replacement of a name where it stands by itself. */
function covering(name: string, replacement: string): (text: string) => string {
  if (name.length < MIN_NAME || ordinary.includes(name.toLowerCase())) return (text) => text
  const pattern = new RegExp(String.raw`(?<![\w-])${literal(name)}(?![\w-])`, 'gi')
  return (text) => text.replaceAll(pattern, replacement)
}

/** Makes the last step. */
export function coverAll({ secrets, accountFolder, account, machine }: KnownTexts): (text: string) => string {
  const cover = createCover(secrets)
  const coverFolder = (text: string): string => (accountFolder.length > 1 ? text.replaceAll(accountFolder, '~') : text)
  const steps = [
    (text: string) => cover.text(text),
    (text: string) => redact(text),
    (text: string) => text.replaceAll(emailAddress, '(e-mail)'),
    coverFolder,
    covering(account, '(account)'),
    covering(machine, '(machine)'),
  ]
  return (text) => steps.reduce((current, step) => step(current), text)
}
