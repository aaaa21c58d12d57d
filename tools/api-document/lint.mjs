// Lints doc/generated/openapi.json with the recommended rules of redocly and of spectral. Every finding is an error. Needs no network.

import { readFileSync } from 'node:fs'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import spectral from '@stoplight/spectral-core'
import rulesets from '@stoplight/spectral-rulesets'

const file = new URL('../../doc/generated/openapi.json', import.meta.url)
const source = readFileSync(file, 'utf8')

async function redoclyFindings() {
  const config = await createConfig({ extends: ['recommended'] })
  const problems = await lintFromString({ source, absoluteRef: '/openapi.json', config })
  return problems.map(({ ruleId, message, location }) => `redocly ${ruleId}: ${message} (${location[0]?.pointer})`)
}

async function spectralFindings() {
  const linter = new spectral.Spectral()
  linter.setRuleset({ extends: [[rulesets.oas, 'recommended']] })
  const results = await linter.run(JSON.parse(source))
  return results.map(({ code, message, path }) => `spectral ${code}: ${message} (${path.join('/')})`)
}

const findings = [...(await redoclyFindings()), ...(await spectralFindings())]
for (const finding of findings) console.error(finding)
console.log(`The API document has ${findings.length} findings of redocly and spectral.`)
process.exitCode = findings.length === 0 ? 0 : 1
