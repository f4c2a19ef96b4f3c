/** Counts data files that no table refers to: what killed writers leave behind. It deletes nothing. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { read } from '../readers/readers.ts'
import type { Ground } from './runtimes.ts'

async function parquetBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true })
  return entries.filter(name => name.endsWith('.parquet')).map(name => join(folder, name))
}

async function referredBy(table: string): Promise<readonly string[]> {
  const { pyiceberg } = await read(table, [{ op: 'files' }], ['pyiceberg'])
  return pyiceberg[0]!.files.map(({ path }) => path.replace(/^file:\/\//, ''))
}

export async function orphansOf({ warehouse, rawTable, errorsTable }: Ground): Promise<number> {
  const referred = new Set([...(await referredBy(rawTable)), ...(await referredBy(errorsTable))])
  return (await parquetBelow(warehouse)).filter(path => !referred.has(path)).length
}
