// The keyboard. A page declares its keys with their words, and `?` lists the keys that work now.

import { useEffect, useRef } from 'react'
import { nameOf } from './keyName.ts'
import { createSequence } from './sequence.ts'
import { areSingleKeysOn } from './singleKeys.ts'

/** One key or a sequence of two, such as `g l`. `mod+k` is Control or Command with K, `X` is Shift with X. */
export interface KeyBinding {
  readonly keys: string
  /** Its effect, as the list of keys says it. */
  readonly label: string
  readonly run: () => void
  /** Works also while a text is being typed. */
  readonly inFields?: true
  /** Runs again while the key is held down. */
  readonly repeats?: true
}

interface Layer {
  readonly title: string
  bindings: readonly KeyBinding[]
}

const layers: Layer[] = []
const sequence = createSequence<KeyBinding>()

/** The layers of keys that work now, the frame's first. */
export const activeLayers = (): readonly { readonly title: string; readonly bindings: readonly KeyBinding[] }[] =>
  layers.filter(({ bindings }) => bindings.length > 0)

const isField = (target: EventTarget | null): target is HTMLElement =>
  target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && !isToggle(target)

const isToggle = (element: HTMLElement): boolean => element instanceof HTMLInputElement && /^(?:checkbox|radio)$/.test(element.type)

const CONTROLS = 'a,button,input,summary,select,textarea,[role=button],[role=tab],[role=option],[role=menuitem]'

/** Keys that are no letter, digit or sign: with Control or Command, or with a name. */
const NOT_SINGLE = /^(?:mod\+.+|[a-z]{2,})$/

/** `enter` and `space` on a control of the page are the control's. */
const isOfControl = (event: KeyboardEvent, key: string): boolean =>
  (key === 'enter' || key === 'space') && event.target instanceof HTMLElement && event.target.closest(CONTROLS) !== null

/** A dialog has the keyboard for itself, and so has the page of a session that has ended. */
const isTaken = (): boolean => document.querySelector('dialog[open],[data-signed-out]') !== null

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.altKey || isTaken()) return
  const key = nameOf(event)
  if (key === null || isOfControl(event, key)) return
  const inField = isField(event.target)
  const isOn = ({ keys, inFields }: KeyBinding): boolean => (!inField || inFields === true) && (areSingleKeysOn() || NOT_SINGLE.test(keys))
  const found = sequence.next(
    key,
    event.timeStamp,
    layers.flatMap(({ bindings }) => bindings.filter(isOn)),
  )
  if (found !== null) {
    event.preventDefault()
    if (!event.repeat || found.repeats === true) found.run()
  } else if (inField && key === 'escape') event.target.blur()
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
    return () => void layers.splice(layers.indexOf(own), 1)
  }, [])
}
