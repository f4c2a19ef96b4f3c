/**
 * What lies in the S3 service, held against what the snapshots of a ground's two tables refer to, as Iceberg Java reads
 * them: nothing that is referred to may be missing, and what nothing refers to is waste. It deletes nothing.
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { read } from '../readers/readers.ts'
import type { Lakehouse, LakehouseGround } from './lakehouse.ts'

export interface StoredFiles {
  /** Locations that a snapshot refers to and that are not there. */
  readonly missing: readonly string[]
  /** Data files, manifests and lists that no snapshot refers to. */
  readonly orphans: number
}

export async function lostAndOrphaned(
  { s3 }: Pick<Lakehouse, 's3'>,
  { namespace, rawTable, errorsTable }: LakehouseGround,
): Promise<StoredFiles> {
  const reading = [rawTable, errorsTable].map(table => read(table, [{ op: 'reachable' }], ['java']))
  const locations = (await Promise.all(reading)).flatMap(({ java }) => java[0].files)
  const reached = new Set(locations.map(location => location.replace(/^s3:\/\//, '')))
  const folder = join(s3.dir, 'data')
  const below = `${s3.bucket}/warehouse/${namespace}`
  const stored = await readdir(join(folder, below), { recursive: true })
  const files = stored.map(name => `${below}/${name}`).filter(name => /\.(?:parquet|avro)$/.test(name))
  return {
    missing: [...reached].filter(name => !existsSync(join(folder, name))),
    orphans: files.filter(name => !reached.has(name)).length,
  }
}
