// Encryption of a backup as a file of age (age-encryption.org/v1), which every tool of age opens.

import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { Decrypter, Encrypter } from 'age-encryption'
import { startProblem } from '../platform/kernel/startProblem.ts'

// Loaded with the first encrypted backup: its curves take a start more time than all else that a backup needs.
const age = () => import('age-encryption')

/** With what a backup is encrypted: the passphrase in a file, or the public key of the party that may open it. */
export type Encryption = { readonly passphraseFile: string } | { readonly recipient: string }

/** With what an encrypted backup is opened: the passphrase in a file, or the private keys of age in one. */
export type Decryption = { readonly passphraseFile: string } | { readonly identityFile: string }

/** The first bytes of a file of age. */
export const AGE_INTRO = 'age-encryption.org/v1\n'

/** Fewer characters are guessed by a machine of today. */
const MIN_PASSPHRASE = 12

function textIn(file: string, what: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw startProblem(`The file with the ${what} cannot be read: ${(error as Error).message}`, error)
  }
  if (text === '') throw startProblem(`The file with the ${what} is empty: ${file}`)
  return text
}

async function encrypterOf(encryption: Encryption): Promise<Encrypter> {
  const encrypter = new (await age()).Encrypter()
  if ('passphraseFile' in encryption) {
    const passphrase = textIn(encryption.passphraseFile, 'passphrase')
    if (passphrase.length < MIN_PASSPHRASE)
      throw startProblem(`The passphrase in ${encryption.passphraseFile} has fewer than ${MIN_PASSPHRASE} characters: take a longer one`)
    encrypter.setPassphrase(passphrase)
    return encrypter
  }
  addRecipient(encrypter, encryption.recipient)
  return encrypter
}

/** @throws an error with a sentence for the operator when a text is no public key of age */
function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (error) {
    throw startProblem('The recipient of the backup is no public key of age: it begins with age1, and age-keygen makes one', error)
  }
}

const asWeb = (stream: Readable): globalThis.ReadableStream<Uint8Array> =>
  Readable.toWeb(stream) as unknown as globalThis.ReadableStream<Uint8Array>
const asNode = (stream: globalThis.ReadableStream<Uint8Array>): Readable =>
  Readable.fromWeb(stream as unknown as ReadableStream<Uint8Array>)

/** Encrypts what a stream reads. @throws an error with a sentence for the operator */
export async function encrypted(plain: Readable, encryption: Encryption): Promise<Readable> {
  // At once: until it is read, an error of the stream would end the process.
  const read = asWeb(plain)
  return asNode(await (await encrypterOf(encryption)).encrypt(read))
}

/**
 * Opens an encrypted backup.
 * @throws an error with a sentence for the operator when the file has a damaged beginning, or none of the keys opens it
 */
export async function decrypted(openSealed: () => Readable, decryption: Decryption | null): Promise<Readable> {
  if (decryption === null)
    throw startProblem(
      'The backup is encrypted: name the file with its passphrase (--passphrase-file) or with its private key (--identity-file)',
    )
  const decrypter = new (await age()).Decrypter()
  if ('passphraseFile' in decryption) decrypter.addPassphrase(textIn(decryption.passphraseFile, 'passphrase'))
  else {
    const keys = textIn(decryption.identityFile, 'private key')
      .split('\n')
      .map((line) => line.trim())
    for (const key of keys.filter((line) => line !== '' && !line.startsWith('#'))) addIdentity(decrypter, key, decryption.identityFile)
  }
  const sealed = openSealed()
  try {
    return asNode(await decrypter.decrypt(asWeb(sealed)))
  } catch (error) {
    sealed.on('error', () => {}).destroy()
    throw startProblem('The backup cannot be decrypted: the passphrase or private key is another one, or the file is cut or changed', error)
  }
}

function addIdentity(decrypter: Decrypter, key: string, file: string): void {
  try {
    decrypter.addIdentity(key)
  } catch (error) {
    // The error of the package could repeat the key.
    throw startProblem(`${file} has a line that is no private key of age: it begins with AGE-SECRET-KEY-1`, (error as Error).name)
  }
}
