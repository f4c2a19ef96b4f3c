/** What the happenings of a soak act upon, and the timeline that they write. */
import type { Feed } from '../faults/feed.ts'
import type { Lakehouse, LakehouseGround } from '../lakehouse/lakehouse.ts'
import type { Fleet } from './fleet.ts'

export interface Entry {
  /** Seconds since the start. */
  readonly at: number
  readonly what: string
  readonly detail: string
}

export interface SoakOptions {
  readonly seed: number
  readonly minutes: number
  readonly replicas: number
  readonly partitions: number
  /** Of commits, e.g. `2s`. */
  readonly interval: string
  /** How many times a table is rolled back or replaced; each is followed by `recover`. */
  readonly breakages: number
  /** Told of each entry of the timeline when it happens. */
  readonly tell: (entry: Entry) => void
}

export interface World {
  readonly house: Lakehouse
  readonly ground: LakehouseGround
  readonly fleet: Fleet
  readonly feed: Feed
  /** In [0, 1). */
  readonly random: () => number
  readonly timeline: readonly Entry[]
  note(what: string, detail: string): void
  /** Does it after that time, while other things happen; the soak waits for it before it ends. */
  later(ms: number, action: () => void | Promise<void>): void
}

export const pick = <T>(list: readonly T[], random: () => number): T => list[Math.floor(random() * list.length)]!
/** A whole number, both bounds included. */
export const between = (from: number, to: number, random: () => number): number =>
  from + Math.floor(random() * (to - from + 1))
