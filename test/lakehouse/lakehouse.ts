/**
 * Where users run the pipeline: Kafka, Iceberg's REST catalog and an S3 service, all real, with a fault proxy before each of
 * the latter two. Consumers go through the proxies; outside readers and other engines go past them.
 */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Consumers, type ConsumersOptions, createConsumers } from '../faults/runtimes.ts'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import type { TableOfCatalog } from '../readers/readers.ts'
import { type Asked, type FaultProxy, startFaultProxy } from './faultProxy.ts'
import { type RestCatalogServer, startRestCatalog } from './restCatalogServer.ts'
import { startS3, type TestS3 } from './s3Server.ts'

export interface Lakehouse {
  readonly broker: TestBroker
  readonly s3: TestS3
  readonly catalog: RestCatalogServer
  readonly catalogProxy: FaultProxy
  readonly storageProxy: FaultProxy
  /** For outside readers. */
  tableAt(namespace: string, name: string): TableOfCatalog
  /** Consumers of a topic with two tables of its own, in a namespace named after it. */
  createGround(options: Omit<ConsumersOptions, 'bootstrapServers'>, iceberg?: object): Promise<LakehouseGround>
  stop(): Promise<void>
}

export interface LakehouseGround extends Consumers {
  readonly namespace: string
  /** The folder of its Secrets. */
  readonly secrets: string
  readonly rawTable: TableOfCatalog
  readonly errorsTable: TableOfCatalog
}

/** Kinds of requests to a catalog, by the tables' names that every ground has. */
export function catalogKind({ method, path }: Asked): string {
  const table = /\/tables\/health_data_(raw|errors)$/.exec(path.replace(/\?.*/, ''))?.[1]
  if (table !== undefined) return `${method === 'GET' ? 'load' : method === 'POST' ? 'commit' : method} ${table}`
  if (/\/config(?:\?|$)/.test(path)) return 'config'
  if (path.includes('/oauth/')) return 'token'
  if (path.includes('/transactions/commit')) return 'commit both'
  return path.includes('/tables') ? 'create table' : 'namespace'
}

const writes: readonly (readonly [string, RegExp])[] = [
  ['pending data', /\/_hc_pending\/.*\.parquet$/],
  ['data', /\.parquet$/],
  ['manifest list', /\/snap-[^/]*\.avro$/],
  ['pending manifest', /\/_hc_pending\/.*\.avro$/],
  ['manifest', /\.avro$/],
  ['metadata', /\.metadata\.json$/],
]

/** Kinds of requests to S3, by what the file is for. */
export function storageKind({ method, path }: Asked): string {
  const [key, query = ''] = path.split('?') as [string, string?]
  if (method === 'GET' && query.includes('list-type')) return 'list'
  const file = writes.find(([, pattern]) => pattern.test(decodeURIComponent(key)))?.[0] ?? 'other'
  return `${method.toLowerCase()} ${file}`
}

export interface LakehouseOptions {
  /** In [0, 1). */
  readonly random: () => number
  readonly rebalanceDelayMs?: number
}

const region = 'us-east-1'

export async function startLakehouse({ random, rebalanceDelayMs = 0 }: LakehouseOptions): Promise<Lakehouse> {
  const undo: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  const started = async <T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const one = await starting
    undo.push(() => one.stop())
    return one
  }
  try {
    const s3 = await started(startS3())
    const warehouse = `s3://${s3.bucket}/warehouse`
    const [broker, catalog] = await Promise.all([
      started(startBroker({ rebalanceDelayMs })),
      started(startRestCatalog({ warehouse, s3 })),
    ])
    const catalogProxy = await startFaultProxy({ target: () => catalog.uri, kindOf: catalogKind, random })
    undo.push(() => catalogProxy.close())
    const storageProxy = await startFaultProxy({ target: () => s3.endpoint, kindOf: storageKind, random })
    undo.push(() => storageProxy.close())
    const properties = {
      uri: catalog.uri,
      's3.endpoint': s3.endpoint,
      's3.access-key-id': s3.accessKeyId,
      's3.secret-access-key': s3.secretAccessKey,
      's3.path-style-access': 'true',
      'client.region': region,
    }
    const tableAt = (namespace: string, name: string) => ({ name: `${namespace}.${name}`, properties })

    async function createGround(options: Omit<ConsumersOptions, 'bootstrapServers'>, iceberg: object = {}) {
      const folder = await mkdtemp(join(tmpdir(), 'lakehouse-'))
      const secrets = join(folder, 'secrets')
      await writeSecret(secrets, 'catalog', { clientId: 'tester', clientSecret: 'canary-of-the-catalog' })
      await writeSecret(secrets, 's3', { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey })
      const namespace = options.topic.replaceAll('-', '_')
      const spec = {
        namespace,
        catalog: { type: 'rest', uri: catalogProxy.url, secretRef: { name: 'catalog' } },
        storage: { s3: { endpoint: storageProxy.url, region, pathStyle: true, secretRef: { name: 's3' } } },
        ...iceberg,
      }
      const { bootstrapServers } = broker
      const consumers = await createConsumers(folder, { bootstrapServers, ...options }, spec, [
        '--secrets-dir',
        secrets,
      ])
      undo.push(() => consumers.clear())
      const rawTable = tableAt(namespace, 'health_data_raw')
      const errorsTable = tableAt(namespace, 'health_data_errors')
      return { ...consumers, namespace, secrets, rawTable, errorsTable }
    }

    return { broker, s3, catalog, catalogProxy, storageProxy, tableAt, createGround, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function writeSecret(folder: string, name: string, keys: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(folder, name), { recursive: true })
  for (const [key, content] of Object.entries(keys)) await writeFile(join(folder, name, key), content)
}
