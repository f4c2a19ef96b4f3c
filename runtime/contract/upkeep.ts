/** What upkeep of the two tables removes, and how it tells of it. Data and types only. */

/** In the order in which they are worth doing: what expiry leaves behind, the others find. */
export const upkeepSteps = ['expiry', 'metadata', 'orphans'] as const
export type UpkeepStep = (typeof upkeepSteps)[number]

/** Files that nothing refers to are told apart by their kind only where that is known. */
export type UpkeepKind =
  | 'snapshots'
  | 'refs'
  | 'manifest lists'
  | 'manifests'
  | 'data files'
  | 'statistics files'
  | 'metadata files'
  | 'orphan files'

/** One line of a report: what a step removed from a table, or would remove. */
export interface UpkeepItem {
  readonly step: UpkeepStep
  /** Qualified name. */
  readonly table: string
  readonly kind: UpkeepKind
  readonly count: number
  /** Null where nobody knows it without asking for each file. */
  readonly bytes: number | null
  /** Milliseconds since the epoch; null where it is not known. */
  readonly oldestMs: number | null
}

export interface UpkeepReport {
  /** Nothing was removed: this is what would have been. */
  readonly dryRun: boolean
  readonly items: readonly UpkeepItem[]
  /** Snapshots of each table afterwards. */
  readonly snapshots: Readonly<Record<string, number>>
  /** What was left alone, and why. */
  readonly left: readonly string[]
}
