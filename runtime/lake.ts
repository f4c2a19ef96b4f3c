/**
 * Opens what the tables of a configuration lie in: their catalog and the storage of their files, with the Secrets that
 * both need. It asks neither of them anything by itself.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RuntimeConfiguration } from './contract/configuration.ts'
import type { Backend } from './contract/metrics.ts'
import type { Catalog } from './iceberg/catalog.ts'
import { requireExclusiveCreate } from './iceberg/exclusiveCreate.ts'
import { filesystemCatalog } from './iceberg/filesystemCatalog.ts'
import { localStorage } from './iceberg/localStorage.ts'
import { storageByScheme } from './iceberg/locations.ts'
import type { ReplacingStorage } from './iceberg/storage.ts'
import { VendedCredentials } from './iceberg/vendedCredentials.ts'
import { readCatalogAuthorities, readCatalogSecret, readS3Authorities, readS3Credentials } from './lakeCredentials.ts'

/** Told of each request over the network that was denied or got no usable answer. Never awaited, must not throw. */
export type LakeObserver = (backend: Backend, operation: string, outcome: string, ms: number) => void

export interface Lake {
  readonly catalog: Catalog
  readonly storage: ReplacingStorage
  /** Whether what may be written ends at the location of a table, because its catalog vends the credentials. */
  isConfined(tableLocation: string): boolean
  close(): void
}

type Configured = Pick<RuntimeConfiguration, 'catalog' | 'storage' | 'pendingLocation'>

/**
 * The clients of REST catalogs and of S3 are loaded only where they are needed.
 * @param secretsDirectory folder with a folder for each Secret that the configuration names
 * @throws where a property of the catalog is malformed, or authorities cannot be read (CredentialsError)
 */
export async function openLake(
  configuration: Configured,
  secretsDirectory: string | undefined,
  observer?: LakeObserver,
): Promise<Lake> {
  const vended = new VendedCredentials()
  const file = localStorage(randomUUID)
  const s3 = needsS3(configuration) ? await openS3(configuration, secretsDirectory, vended, observer) : undefined
  const storage = s3 === undefined ? file : storageByScheme({ file, s3 })
  const rest =
    configuration.catalog.type === 'rest'
      ? await openRestCatalog(configuration, secretsDirectory, vended, observer)
      : undefined
  const ownKeys = configuration.storage.s3?.secret !== undefined
  return {
    storage,
    catalog: rest ?? catalogOnFiles(configuration, storage),
    isConfined(tableLocation) {
      const parent = tableLocation.slice(0, tableLocation.lastIndexOf('/'))
      return !ownKeys && vended.of(`${tableLocation}/`) !== undefined && vended.of(`${parent}/_`) === undefined
    },
    close() {
      rest?.close()
      s3?.close()
    },
  }
}

/** Where the tables of a REST catalog lie is the catalog's to say. */
const needsS3 = ({ catalog, storage, pendingLocation }: Configured): boolean =>
  catalog.type === 'rest' ||
  storage.s3 !== undefined ||
  [catalog.warehouse, pendingLocation].some(location => location?.startsWith('s3://'))

function catalogOnFiles({ catalog }: Configured, storage: ReplacingStorage): Catalog {
  const warehouse = catalog.warehouse!
  const onFiles = filesystemCatalog({ warehouse, storage, now: Date.now, newUuid: randomUUID })
  if (!warehouse.startsWith('s3://')) return onFiles
  let isExclusive = false
  // Before the first change: a server that lets one commit replace another would lose it in silence.
  const exclusively = async () => {
    if (!isExclusive) await requireExclusiveCreate(storage, warehouse)
    isExclusive = true
  }
  return {
    ...onFiles,
    createTable: async (...table) => exclusively().then(() => onFiles.createTable(...table)),
    commitTable: async (...commit) => exclusively().then(() => onFiles.commitTable(...commit)),
  }
}

/** What a caller decides on: that is no failure of the storage. */
const ordinary: ReadonlySet<string> = new Set(['OK', 'NOT_FOUND', 'EXISTS'])

async function openS3(
  configuration: Configured,
  secretsDirectory: string | undefined,
  vended: VendedCredentials,
  observer: LakeObserver | undefined,
) {
  const { s3Storage } = await import('./iceberg/s3Storage.ts')
  const { secret, caSecret: _, ...settings } = configuration.storage.s3 ?? { pathStyle: false }
  return s3Storage({
    ...settings,
    authorities: readS3Authorities(configuration, secretsDirectory),
    ...(secret !== undefined && { credentials: async () => readS3Credentials(configuration, secretsDirectory)! }),
    vended,
    observer(operation, outcome, ms) {
      if (!ordinary.has(outcome)) observer?.('storage', operation, outcome, ms)
    },
  })
}

async function openRestCatalog(
  configuration: Configured,
  secretsDirectory: string | undefined,
  vended: VendedCredentials,
  observer: LakeObserver | undefined,
) {
  const { restCatalog } = await import('./iceberg/restCatalog.ts')
  const { uri, warehouse, properties, secret } = configuration.catalog
  return restCatalog({
    uri: uri!,
    ...(warehouse !== undefined && { warehouse }),
    properties,
    authorities: readCatalogAuthorities(configuration, secretsDirectory),
    ...(secret !== undefined && { secret: () => readCatalogSecret(configuration, secretsDirectory)! }),
    // Who gives keys of their own wants these used, and some servers fail a load for want of keys to vend.
    ...(configuration.storage.s3?.secret === undefined && { vended }),
    now: Date.now,
    sleep: ms => sleep(ms),
    random: Math.random,
    newId: randomUUID,
    observer(operation, status, ms) {
      const isAnswer = typeof status === 'number' && status < 500
      if (!isAnswer || status === 401 || status === 403 || status === 429)
        observer?.('catalog', operation, String(status), ms)
    },
  })
}
