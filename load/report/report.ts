import type { Table } from '../bench/report.ts'

/** A part of the report: what was done, and what was seen. Whoever measures makes these; pages are made of them. */
export interface Section {
  readonly title: string
  /** A sentence each, above everything else. */
  readonly notes: readonly string[]
  readonly tables: readonly Table[]
  readonly plots: readonly Plot[]
}

export type Plot = LinePlot | BarPlot

export interface LinePlot {
  readonly kind: 'lines'
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** Upright lines with a word at each: what happened then. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[]
}

/** Bars from left to right, one a row, each made of parts in the order of `parts`. */
export interface BarPlot {
  readonly kind: 'bars'
  readonly title: string
  readonly x: Axis
  readonly parts: readonly string[]
  readonly rows: readonly { readonly label: string; readonly values: readonly number[] }[]
}

/** Its title has the unit: `latency, ms`. Linear axes begin at 0, logarithmic ones at the least value. */
export interface Axis {
  readonly title: string
  readonly scale?: 'linear' | 'log'
}

export interface Series {
  readonly name: string
  readonly points: readonly Point[]
}

export type Point = readonly [x: number, y: number]
