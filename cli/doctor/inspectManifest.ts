/**
 * What doctor gathers of a manifest: its Secrets, its tables and brokers through runtime/inspect.ts, and whether this user
 * may write to the local folders that a run would. It writes nothing and joins no group.
 */
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { RuntimeConfiguration } from '../../runtime/contract/configuration.ts'
import type { Inspection } from '../../runtime/contract/inspection.ts'
import { readLakeSecrets } from '../../runtime/lakeCredentials.ts'
import { CredentialsError } from '../../runtime/secrets.ts'
import { readKafkaCredentials } from '../../runtime/source/credentials.ts'
import type { FolderSeen, ManifestSeen, Trouble } from './observations.ts'

export interface ManifestQuestion {
  readonly file: string
  readonly configuration: RuntimeConfiguration
  readonly timeoutMs: number
  readonly secretsDirectory?: string
}

/** Never rejects. */
export async function inspectManifest(question: ManifestQuestion): Promise<ManifestSeen> {
  const { file, configuration, secretsDirectory } = question
  const { bootstrapServers, topics } = configuration
  const folders = foldersOf(configuration)
  const [inspection, refused] = await Promise.all([inspect(question), Promise.all(folders.map(seeFolder))])
  return {
    file,
    bootstrapServers,
    topics,
    needsCredentials: needsCredentials(configuration),
    credentials: credentialsTrouble(configuration, secretsDirectory),
    inspection,
    warehouse: localWarehouse(configuration) ?? null,
    refusedFolders: refused.filter(folder => folder !== undefined),
  }
}

async function inspect(question: ManifestQuestion): Promise<Inspection | { readonly unreadable: string }> {
  const { configuration, timeoutMs, secretsDirectory } = question
  // Loaded here, so that a question about a URL does not wait for the Kafka client.
  const { inspectConsumer } = await import('../../runtime/inspect.ts')
  return inspectConsumer(configuration, timeoutMs, secretsDirectory).catch(error => ({
    unreadable: error instanceof Error ? error.message : String(error),
  }))
}

function credentialsTrouble(configuration: RuntimeConfiguration, directory: string | undefined): Trouble | null {
  try {
    readKafkaCredentials(configuration, directory)
    readLakeSecrets(configuration, directory)
    return null
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error
    return { what: `${error.what} (${error.field})`, fix: error.fix }
  }
}

const needsCredentials = ({ kafkaTls, sasl, catalog, storage }: RuntimeConfiguration): boolean =>
  [kafkaTls, sasl, catalog.secret, catalog.caSecret, storage.s3?.secret, storage.s3?.caSecret].some(
    named => named !== undefined,
  )

/** Locations in a configuration are absolute; those of local files begin with file://. */
const pathOf = (location: string | undefined): string | undefined =>
  location?.startsWith('file://') ? location.slice('file://'.length) : undefined

const localWarehouse = ({ catalog }: RuntimeConfiguration): string | undefined =>
  catalog.type === 'filesystem' ? pathOf(catalog.warehouse) : undefined

function foldersOf(configuration: RuntimeConfiguration): readonly string[] {
  const { tables, pendingLocation } = configuration
  const warehouse = localWarehouse(configuration)
  const pending = pathOf(pendingLocation)
  const table = (name: string) => [warehouse, ...tables.namespace, name].join('/')
  const folders = [tables.raw, tables.errors].flatMap(name => [`${table(name)}/metadata`, `${table(name)}/data`])
  return [...(warehouse === undefined ? [] : folders), ...(pending === undefined ? [] : [pending])]
}

/** The folder, or the nearest one above it that is there, where this user may not write to it. */
async function seeFolder(path: string): Promise<FolderSeen | undefined> {
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    const above = dirname(path)
    return code === 'ENOENT' && above !== path ? seeFolder(above) : { path, refused: code }
  }
}
