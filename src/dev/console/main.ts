// `npm run console:pictures`: takes the pictures of `doc/console/` anew, and prints how large and how fast the console is.

import { makeConsole } from '../../launch/consoleBuild.js'
import { hasChromium, launchBrowser } from '../testing/browser.ts'
import { openStage } from './company/stage.ts'
import { takePictures } from './pictures/take.ts'
import { linesOf, measureConsole } from './report.ts'

async function work(): Promise<void> {
  await makeConsole()
  const stage = await openStage()
  const browser = await launchBrowser()
  try {
    const { count, bytes } = await takePictures(browser, stage)
    process.stdout.write(`${count} pictures in doc/console, ${(bytes / 1e6).toFixed(2)} MB`)
    process.stdout.write(linesOf(await measureConsole(browser, stage)))
  } finally {
    await browser.close()
    await stage.stop()
  }
}

if (hasChromium) await work()
else {
  process.stderr.write('There is no Chromium on this machine: install it, or name it in CHROMIUM\n')
  process.exitCode = 1
}
