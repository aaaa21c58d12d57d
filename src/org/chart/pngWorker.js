// A thread that draws one SVG as PNG. It is JavaScript, so that it starts without the loader of TypeScript.
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { Resvg } from '@resvg/resvg-js'

const { resolve } = createRequire(import.meta.url)
const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((name) => resolve(`dejavu-fonts-ttf/ttf/${name}`))

const image = new Resvg(workerData.svg, {
  fitTo: { mode: 'width', value: workerData.width },
  font: { fontFiles, loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
}).render()
parentPort.postMessage(image.asPng())
