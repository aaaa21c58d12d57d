import type { AgentStatus } from '../../model/agentStatus.ts'

/** Colours and corners of an organisation chart. Colours are written into attributes, so each is a plain `#rrggbb`. */
export interface ChartStyle {
  readonly background: string
  readonly card: string
  readonly border: string
  readonly line: string
  readonly text: string
  readonly mutedText: string
  /** The radius of a card's corners, in pixels. */
  readonly cornerRadius: number
  /** The colour of the dot next to the status. The status is also written out, because some readers see no colours. */
  readonly statusColors: Readonly<Record<AgentStatus, string>>
}

export const chartStyles = {
  warmth: {
    background: '#fbf5ec',
    card: '#fffdf9',
    border: '#e3d3bd',
    line: '#cbb497',
    text: '#3d2f22',
    mutedText: '#7a6550',
    cornerRadius: 12,
    statusColors: {
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
    background: '#12161d',
    card: '#1c2330',
    border: '#33405a',
    line: '#4a5b7c',
    text: '#eef2f8',
    mutedText: '#a5b1c6',
    cornerRadius: 8,
    statusColors: {
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
    background: '#ffffff',
    card: '#ffffff',
    border: '#000000',
    line: '#000000',
    text: '#000000',
    mutedText: '#444444',
    cornerRadius: 0,
    statusColors: {
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
