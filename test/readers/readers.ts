/**
 * The outside readers of Iceberg tables (hack/readers) as typed functions: pyiceberg, DuckDB and Iceberg Java, and the
 * commits that Iceberg Java makes as another engine. Each call is one process for all its operations; it never keeps
 * one running. The first call on a machine installs the readers, which takes up to a minute.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export const readerNames = ['pyiceberg', 'duckdb', 'java'] as const
export type ReaderName = (typeof readerNames)[number]

/** A table's folder (as a path) or metadata file, or a table of a REST catalog. */
export type TablePlace = string | TableOfCatalog
export interface TableOfCatalog {
  /** E.g. `health_db.health_data_raw`. */
  readonly name: string
  /** Iceberg's own: `uri`, `warehouse`, `s3.endpoint`, `s3.access-key-id`, … */
  readonly properties: Readonly<Record<string, string>>
  /** A program, with its parameters, that readers are started through to reach it. */
  readonly through?: readonly string[]
}

/** timestamptz: microseconds since the epoch as decimal text; binary: base64; map: an object. */
export type Cell = string | number | boolean | null | { readonly [key: string]: string }
export type Row = Readonly<Record<string, Cell>>

export type Filter =
  | {
      readonly column: string
      readonly is: 'eq' | 'lt' | 'le' | 'gt' | 'ge'
      readonly value: string | number | boolean
    }
  | { readonly column: string; readonly is: 'in'; readonly value: readonly (string | number)[] }
  | { readonly column: string; readonly is: 'startsWith'; readonly value: string }
  | { readonly column: string; readonly is: 'null' | 'notNull' }
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }

export type Reading =
  | { readonly op: 'count'; readonly filter?: Filter }
  | { readonly op: 'sum'; readonly column: string; readonly filter?: Filter }
  | { readonly op: 'rows'; readonly columns?: readonly string[]; readonly filter?: Filter }
  /** Writes `<path>.<reader>.ndjson`, one JSON array of the columns' cells a line. */
  | { readonly op: 'dump'; readonly columns: readonly string[]; readonly path: string; readonly filter?: Filter }
  | { readonly op: 'snapshots' }
  | { readonly op: 'files' }
  /** By Iceberg Java alone: locations of the manifest lists, manifests and data files of all snapshots. */
  | { readonly op: 'reachable' }

/** Commits by Iceberg Java. */
export type Change =
  | { readonly op: 'append'; readonly rows: readonly Row[] }
  | { readonly op: 'compact' }
  | { readonly op: 'rewriteManifests' }
  | { readonly op: 'deleteFiles'; readonly filter: Filter }
  | { readonly op: 'rollbackTo'; readonly snapshotId: string }
  | { readonly op: 'setCurrent'; readonly snapshotId: string }
  | { readonly op: 'setRef'; readonly name: string; readonly type: 'tag' | 'branch'; readonly snapshotId?: string }
  | { readonly op: 'expireSnapshots'; readonly olderThanMs: number; readonly retainLast: number }
  | { readonly op: 'removeOrphans'; readonly olderThanMs: number }
  | { readonly op: 'addColumn'; readonly name: string; readonly type: string; readonly required?: boolean }
  | { readonly op: 'updateSpec'; readonly add?: readonly PartitionField[]; readonly remove?: readonly string[] }
  | {
      readonly op: 'updateProperties'
      readonly set?: Readonly<Record<string, string>>
      readonly remove?: readonly string[]
    }
  /** Of a catalog: `replace` is createOrReplace, and keeps what is left out. */
  | { readonly op: 'create'; readonly schema: object; readonly spec: object; readonly properties?: Properties }
  | { readonly op: 'replace'; readonly schema?: object; readonly spec?: object; readonly properties?: Properties }
  | { readonly op: 'drop' }

type Properties = Readonly<Record<string, string>>
export interface PartitionField {
  readonly column: string
  readonly transform: 'identity' | 'bucket' | 'truncate' | 'hour' | 'day' | 'month'
  readonly width?: number
}

export interface SnapshotSeen {
  readonly id: string
  readonly parentId: string | null
  readonly sequenceNumber: number
  readonly operation: string
  readonly summary: Readonly<Record<string, string>>
}

export interface FileSeen {
  readonly path: string
  readonly rows: number
  readonly bytes: number
}

/** The answer to each operation, by its `op`. */
export interface Answers {
  /** `files`: how many data files the reader would open; DuckDB does not say. */
  count: { readonly rows: number; readonly files?: number }
  /** `sum`: decimal text, exact for integers and the correctly rounded double for doubles. */
  sum: { readonly rows: number; readonly nulls: number; readonly sum: string }
  rows: { readonly rows: readonly Row[] }
  dump: { readonly rows: number; readonly path: string }
  /** Null from DuckDB. */
  snapshots: { readonly snapshots: readonly SnapshotSeen[] } | null
  files: { readonly files: readonly FileSeen[] } | null
  reachable: { readonly files: readonly string[] }
}
export type Answer<R extends Reading> = Answers[R['op']]
type AnswersTo<R extends readonly Reading[]> = { -readonly [K in keyof R]: Answer<R[K]> }

const programs = {
  python: new URL('../../hack/readers/read-python', import.meta.url).pathname,
  java: new URL('../../hack/readers/read-java', import.meta.url).pathname,
}
const maxOutputBytes = 1 << 30

/** Runs the operations with each of the readers; the answers are in the order of the operations. */
export async function read<const R extends readonly Reading[]>(
  table: TablePlace,
  operations: R,
  readers: readonly ReaderName[] = readerNames,
): Promise<Record<ReaderName, AnswersTo<R>>> {
  const python = readers.filter(name => name !== 'java')
  const [fromPython, fromJava] = await Promise.all([
    python.length > 0 ? run(programs.python, table, operations, ['--readers', python.join(',')]) : {},
    readers.includes('java') ? run(programs.java, table, operations) : {},
  ])
  return { ...fromPython, ...fromJava } as Record<ReaderName, AnswersTo<R>>
}

/** Commits each change with Iceberg Java, in order. Resolves with the current snapshot's id after each, '' for none. */
export async function change(table: TablePlace, changes: readonly Change[]): Promise<readonly string[]> {
  const answers = (await run(programs.java, table, changes)) as { java: readonly { snapshotId: string | null }[] }
  return answers.java.map(({ snapshotId }) => snapshotId ?? '')
}

async function run(program: string, table: TablePlace, operations: readonly unknown[], more: readonly string[] = []) {
  const place =
    typeof table === 'string'
      ? ['--table', table]
      : ['--table', table.name, '--properties', JSON.stringify(table.properties)]
  const through = typeof table === 'string' ? [] : (table.through ?? [])
  const [started, ...given] = [...through, program, ...place, '--query', '-', ...more]
  const running = promisify(execFile)(started!, given, { maxBuffer: maxOutputBytes })
  running.child.stdin!.end(JSON.stringify(operations))
  const { stdout } = await running
  return JSON.parse(stdout) as object
}
