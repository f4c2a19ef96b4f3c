/**
 * Sees each file of a warehouse the moment it appears, so that a kill can be aimed at it. It changes nothing there.
 */
import { existsSync, watch } from 'node:fs'
import { join } from 'node:path'

/** What a consumer writes, in the order of a commit; paths count from the warehouse. */
export const targets = {
  'raw data file': /^health_db\/health_data_raw\/data\/.*\.parquet$/,
  'pending file': /^health_db\/_hc_pending\/.*\.parquet$/,
  'raw manifest': /^health_db\/health_data_raw\/metadata\/[^.].*-m\d+\.avro$/,
  'pending manifest': /^health_db\/_hc_pending\/.*\/[^.][^/]*\.avro$/,
  'raw manifest list': /^health_db\/health_data_raw\/metadata\/snap-[^/]*\.avro$/,
  'raw metadata': /^health_db\/health_data_raw\/metadata\/v\d+\.metadata\.json$/,
  'errors manifest list': /^health_db\/health_data_errors\/metadata\/snap-[^/]*\.avro$/,
  'errors metadata': /^health_db\/health_data_errors\/metadata\/v\d+\.metadata\.json$/,
  'unfinished file': /\/\.[^/]*\.tmp$/,
} as const
export type Target = keyof typeof targets

export interface Sights {
  /** Resolves at the next file (or folder) of this path or pattern, with its time (milliseconds since the epoch). */
  next(path: string | RegExp, seconds?: number): Promise<{ readonly path: string; readonly atMs: number }>
  close(): void
}

export function watchWarehouse(warehouse: string): Sights {
  const waiting = new Set<(path: string) => void>()
  const seen = new Set<string>()
  const watcher = watch(warehouse, { recursive: true }, (_, path) => {
    if (path === null || seen.has(path) || !isNew(path)) return
    for (const look of [...waiting]) look(path)
  })

  /** A file is told when it appears, and a second time when its temporary name goes away. */
  function isNew(path: string): boolean {
    const temporary = targets['unfinished file'].test(path)
    if (!temporary && !existsSync(join(warehouse, path))) return false
    seen.add(path)
    return true
  }

  return {
    next(wanted, seconds = 60) {
      return new Promise((resolve, reject) => {
        const end = () => {
          clearTimeout(timer)
          waiting.delete(look)
        }
        const look = (path: string) => {
          if (typeof wanted === 'string' ? path !== wanted : !wanted.test(path)) return
          end()
          resolve({ path, atMs: Date.now() })
        }
        const timer = setTimeout(() => {
          end()
          reject(new Error(`no file like ${wanted} within ${seconds} s`))
        }, seconds * 1000)
        waiting.add(look)
      })
    },
    close: () => watcher.close(),
  }
}
