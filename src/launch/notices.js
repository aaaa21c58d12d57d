// The licences of the packages whose code is inside the compiled files: they ask that their texts go with it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './bundle.js'

const LICENCE = /^(?:licen[cs]e|copying)(?:[.-].*)?$/i

/** @param {string} input of the bundler @returns {string | null} the folder of the package that a file is of; null for a file of ours */
function packageOf(input) {
  const at = input.lastIndexOf('node_modules/')
  if (at === -1) return null
  const [first = '', second = ''] = input.slice(at + 'node_modules/'.length).split('/')
  return `${input.slice(0, at)}node_modules/${first.startsWith('@') ? `${first}/${second}` : first}`
}

/** @param {string} folder @returns {string} */
function noticeOf(folder) {
  const place = path.join(root, folder)
  const { name, version, license } = JSON.parse(readFileSync(path.join(place, 'package.json'), 'utf8'))
  const file = readdirSync(place)
    .toSorted()
    .find((each) => LICENCE.test(each))
  const text =
    file === undefined ? `Its package has no text of its licence. It states: ${license}` : readFileSync(path.join(place, file), 'utf8')
  return `${name} ${version} (${license})\n\n${text.trim()}\n`
}

/**
 * @param {readonly import('esbuild').Metafile[]} metafiles
 * @returns {string} one part for each package, in the order of their names
 */
export function noticesOf(metafiles) {
  const inputs = metafiles.flatMap(({ inputs: files }) => Object.keys(files))
  const folders = new Set(inputs.map(packageOf).filter((folder) => folder !== null && existsSync(path.join(root, folder, 'package.json'))))
  const parts = [...folders].map(String).toSorted().map(noticeOf)
  return `The files of this folder contain code of these packages.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`
}
