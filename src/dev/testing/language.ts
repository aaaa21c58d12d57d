import { parseSync } from 'oxc-parser'
import { findAll, rootName, stringOf } from '../docs/syntax.ts'
import { bannedWords, holdNotLock } from './vocabulary.ts'

// How the language of comments, identifiers, messages and titles is checked. The list of words is vocabulary.ts.

/** `stopRequested` as `stop Requested`, so that a word inside an identifier is a word. */
const splitIdentifiers = (text: string): string => text.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll('_', ' ')

/** Offences against the list of words, one line each: file, line, word, replacement. */
export function bannedIn(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const words = splitIdentifiers(line)
    const banned = bannedWords
      .filter(({ pattern, allowedIn }) => pattern.test(words) && allowedIn?.test(file) !== true)
      .map(({ pattern, instead }) => `${file}:${index + 1} "${pattern.exec(words)?.[0]}": write ${instead}`)
    const locks = holdNotLock
      .filter((rule) => rule.in.test(file) && rule.pattern.test(line))
      .map(({ pattern }) => `${file}:${index + 1} "${pattern.exec(line)?.[0]}": a lock is a row lock; write hold`)
    return [...banned, ...locks]
  })
}

interface Comment {
  readonly line: number
  readonly text: string
}

/** The comments of a program, with consecutive line comments as one. */
function commentsOf(file: string, text: string): Comment[] {
  const lineAt = (offset: number): number => text.slice(0, offset).split('\n').length
  const comments: { line: number; last: number; text: string; kind: string }[] = []
  for (const { type, value, start } of parseSync(file, text).comments) {
    const line = lineAt(start)
    const before = comments.at(-1)
    if (type === 'Line' && before?.kind === 'Line' && before.last === line - 1) {
      before.text += ` ${value.trim()}`
      before.last = line
    } else comments.push({ line, last: line, text: value.replaceAll(/^\s*\*/gm, '').trim(), kind: type })
  }
  return comments
}

const RELATIVE_START = /^(?:Wh(?:at|o)(?:ever)?|Whom)\b/

/** Comment sentences that start with a relative clause where a noun belongs. */
export function headlessIn(file: string, text: string): string[] {
  return commentsOf(file, text).flatMap((comment) =>
    comment.text
      .replaceAll(/\s+/g, ' ')
      .split(/(?<=[.!?])\s+/)
      .filter((sentence) => RELATIVE_START.test(sentence) && !sentence.endsWith('?'))
      .map((sentence) => `${file}:${comment.line} "${sentence.slice(0, 60)}": start the sentence with a noun`),
  )
}

/** Words with which a sentence does not begin when it has a subject. */
const NO_SUBJECT =
  /^(is|are|was|were|has|have|had|does|do|did|can|may|must|will|and|but|nor|or|that|which|whose|wh(?:at|o)(?:ever)?|so|then|also|once|twice|never|not|neither|likewise)\b/i

/** Test titles that cannot be read alone in a list of failures. */
export function riddlesIn(file: string, text: string): string[] {
  const calls = findAll(
    parseSync(file, text).program,
    (node) => node.type === 'CallExpression' && ['test', 'it'].includes(rootName(node['callee']) ?? ''),
  )
  return calls.flatMap((call) => {
    const title = stringOf((call['arguments'] as unknown[])[0])
    if (title === null) return []
    const isSentence =
      /^[A-Z0-9`$%/…<"'{.]/.test(title) && !NO_SUBJECT.test(title) && title.split(/\s+/).length >= 4 && !/[:,;]$/.test(title)
    return isSentence ? [] : [`${file} "${title}": a title is a full sentence with a subject`]
  })
}
