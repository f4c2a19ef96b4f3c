/** What the commits of the benchmark go to: local files, or a real REST catalog with files in a real S3 service. Each counts what it is asked. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Catalog } from '../../../runtime/iceberg/catalog.ts'
import { filesystemCatalog } from '../../../runtime/iceberg/filesystemCatalog.ts'
import { localStorage } from '../../../runtime/iceberg/localStorage.ts'
import { restCatalog } from '../../../runtime/iceberg/restCatalog.ts'
import { s3Storage } from '../../../runtime/iceberg/s3Storage.ts'
import type { ReplacingStorage } from '../../../runtime/iceberg/storage.ts'
import { startRestCatalog } from '../../lakehouse/restCatalogServer.ts'
import { startS3 } from '../../lakehouse/s3Server.ts'

/** HTTP requests; with local files, calls of the storage, those that the catalog makes included. */
export interface Asked {
  catalog: number
  storage: number
}

export interface BenchLake {
  readonly catalog: Catalog
  readonly storage: ReplacingStorage
  /** So far. */
  readonly asked: Readonly<Asked>
  readonly ownsMetadataFiles: boolean
  close(): Promise<void>
}

const { now } = Date

export const lakes = { files: localFiles, rest: restOnS3 } as const

async function localFiles(): Promise<BenchLake> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-commits-'))
  const asked: Asked = { catalog: 0, storage: 0 }
  const storage = counting(localStorage(randomUUID), asked)
  return {
    storage,
    catalog: filesystemCatalog({ warehouse: `file://${folder}`, storage, now, newUuid: randomUUID }),
    asked,
    ownsMetadataFiles: true,
    close: () => rm(folder, { recursive: true }),
  }
}

function counting(storage: ReplacingStorage, asked: Asked): ReplacingStorage {
  const counted = <A extends unknown[], T>(call: (...parameters: A) => T) => {
    return (...parameters: A): T => {
      asked.storage++
      return call(...parameters)
    }
  }
  return {
    read: counted(storage.read),
    create: counted(storage.create),
    replace: counted(storage.replace),
    size: counted(storage.size),
    list: counted(storage.list),
    delete: counted(storage.delete),
  }
}

async function restOnS3(): Promise<BenchLake> {
  const s3 = await startS3()
  const { endpoint, accessKeyId, secretAccessKey } = s3
  const server = await startRestCatalog({ warehouse: `s3://${s3.bucket}/warehouse`, s3 }).catch(async error => {
    await s3.stop()
    throw error
  })
  const asked: Asked = { catalog: 0, storage: 0 }
  const storage = s3Storage({
    endpoint,
    pathStyle: true,
    credentials: async () => ({ accessKeyId, secretAccessKey }),
    observer: () => asked.storage++,
  })
  const catalog = restCatalog({
    uri: server.uri,
    properties: {},
    now,
    sleep: ms => sleep(ms),
    random: Math.random,
    newId: randomUUID,
    observer: () => asked.catalog++,
  })
  return {
    storage,
    catalog,
    asked,
    ownsMetadataFiles: false,
    async close() {
      catalog.close()
      storage.close()
      await server.stop()
      await s3.stop()
    },
  }
}
