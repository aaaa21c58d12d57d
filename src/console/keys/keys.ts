// The keyboard. A page declares its keys with their words, and `?` lists the keys that work now.

import { useEffect, useRef } from 'react'

/** One key or a sequence of two, such as `g l`. `mod+k` is Control or Command with K, `X` is Shift with X. */
export interface KeyBinding {
  readonly keys: string
  /** What it does, as the list of keys says it. */
  readonly label: string
  readonly run: () => void
  /** Works also while a text is being typed. */
  readonly inFields?: true
}

interface Layer {
  readonly title: string
  bindings: readonly KeyBinding[]
}

const layers: Layer[] = []
const listeners = new Set<() => void>()

/** The layers of keys that work now, the frame's first. */
export const activeLayers = (): readonly { readonly title: string; readonly bindings: readonly KeyBinding[] }[] => layers

/** How long the second key of a sequence may take. */
const SEQUENCE_MS = 1200
let first: { readonly key: string; readonly at: number } | null = null

/** The name of a key: of a letter in upper case where it is pressed with Shift, whatever the lock of capitals says. */
function nameOf(event: KeyboardEvent): string {
  const mod = event.ctrlKey || event.metaKey ? 'mod+' : ''
  if (event.key === ' ') return `${mod}space`
  if (event.key.length > 1 || mod !== '') return mod + event.key.toLowerCase()
  return event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()
}

const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && !isToggle(target)

const isToggle = (element: HTMLElement): boolean => element instanceof HTMLInputElement && /^(?:checkbox|radio)$/.test(element.type)

/** `enter` and `space` on a control of the page are the control's. */
const isOfControl = (event: KeyboardEvent, key: string): boolean =>
  (key === 'enter' || key === 'space') &&
  event.target instanceof HTMLElement &&
  event.target.closest('a,button,input,summary,select') !== null

function bindingFor(key: string, inField: boolean): KeyBinding | undefined {
  for (const { bindings } of layers.toReversed()) {
    const found = bindings.find((binding) => binding.keys === key && (!inField || binding.inFields === true))
    if (found !== undefined) return found
  }
  return undefined
}

function onKey(event: KeyboardEvent): void {
  // A dialog has the keyboard for itself.
  if (event.defaultPrevented || event.isComposing || event.altKey || document.querySelector('dialog[open]') !== null) return
  const key = nameOf(event)
  if (isOfControl(event, key)) return
  const inField = isField(event.target)
  const started = first !== null && event.timeStamp - first.at < SEQUENCE_MS ? first.key : null
  first = null
  const found = (started === null ? undefined : bindingFor(`${started} ${key}`, inField)) ?? bindingFor(key, inField)
  if (found !== undefined) {
    event.preventDefault()
    found.run()
  } else if (!inField && key.length === 1) first = { key, at: event.timeStamp }
}

addEventListener('keydown', onKey)

/** Makes keys work while the component is shown. A later layer wins over an earlier one. @param title the heading in the list of keys */
export function useKeys(title: string, bindings: readonly KeyBinding[]): void {
  const layer = useRef<Layer>({ title, bindings })
  useEffect(() => {
    layer.current.bindings = bindings
  })
  useEffect(() => {
    const own = layer.current
    layers.push(own)
    for (const listen of listeners) listen()
    return () => void layers.splice(layers.indexOf(own), 1)
  }, [])
}
