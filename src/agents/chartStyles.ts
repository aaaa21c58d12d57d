import type { AgentStatus } from './status.ts'

/** How the chart of an organisation looks. Colours stand in attributes, so each is a plain `#rrggbb`. */
export interface ChartStyle {
  readonly ground: string
  readonly card: string
  readonly border: string
  readonly line: string
  readonly ink: string
  readonly faintInk: string
  /** The radius of a card's corners, in pixels. */
  readonly corner: number
  /** The dot beside a status, which is also said in words: not everybody sees the colour. */
  readonly dots: Readonly<Record<AgentStatus, string>>
}

export const chartStyles = {
  warmth: {
    ground: '#fbf5ec',
    card: '#fffdf9',
    border: '#e3d3bd',
    line: '#cbb497',
    ink: '#3d2f22',
    faintInk: '#7a6550',
    corner: 12,
    dots: {
      active: '#2f8f5b',
      idle: '#b59b7a',
      running: '#d9822b',
      paused: '#8a7fb0',
      error: '#c0392b',
      pending_approval: '#c9a227',
      terminated: '#6b5d50',
    },
  },
  night: {
    ground: '#12161d',
    card: '#1c2330',
    border: '#33405a',
    line: '#4a5b7c',
    ink: '#eef2f8',
    faintInk: '#a5b1c6',
    corner: 8,
    dots: {
      active: '#4cc38a',
      idle: '#8594ad',
      running: '#57a5ff',
      paused: '#b18cff',
      error: '#ff6b62',
      pending_approval: '#f2c94c',
      terminated: '#5a6478',
    },
  },
  print: {
    ground: '#ffffff',
    card: '#ffffff',
    border: '#000000',
    line: '#000000',
    ink: '#000000',
    faintInk: '#444444',
    corner: 0,
    dots: {
      active: '#444444',
      idle: '#cccccc',
      running: '#222222',
      paused: '#aaaaaa',
      error: '#000000',
      pending_approval: '#888888',
      terminated: '#eeeeee',
    },
  },
} as const satisfies Readonly<Record<string, ChartStyle>>

export type ChartStyleName = keyof typeof chartStyles

export const chartStyleNames = Object.keys(chartStyles) as ChartStyleName[]
