/**
 * Kafka, Catalog and Storage: what the manifest names, seen from this machine, and what would halt a run. Pure.
 */
import type { Inspection } from '../../../runtime/contract/inspection.ts'
import type { Facts } from '../facts.ts'
import type { FolderSeen, ManifestSeen } from '../observations.ts'
import { type Check, type CheckOutcomes, counted, defineCheck, listed } from '../report.ts'

const group = 'Kafka, Catalog and Storage'
const credentials = defineCheck(group, 'credentials', 'brokers, catalog and storage refuse a connection without them')
const brokers = defineCheck(group, 'Kafka brokers', 'records are read from them')
const topics = defineCheck(group, 'Kafka topics', 'a topic that does not exist is waited for')
const catalog = defineCheck(group, 'catalog and tables', 'offsets are kept in the tables: no start without them')
const storage = defineCheck(group, 'storage', 'data files and commits are written there')
const halts = defineCheck(group, 'halts of a run', 'a run would stop before it reads anything')

export function dependencies({ manifest }: Facts): readonly Check[] {
  const checks: readonly [CheckOutcomes, (manifest: ManifestSeen) => Check][] = [
    [credentials, checkCredentials],
    [brokers, checkBrokers],
    [topics, checkTopics],
    [catalog, checkCatalog],
    [storage, checkStorage],
    [halts, checkHalts],
  ]
  const reason = 'not asked for: add -f FILE, the manifest'
  return checks.map(([check, judge]) => (manifest === null ? check.skipped(reason) : judge(manifest)))
}

const inspectionOf = ({ inspection }: ManifestSeen): Inspection | null =>
  'unreadable' in inspection ? null : inspection

function checkCredentials({ credentials: trouble, needsCredentials }: ManifestSeen): Check {
  if (trouble !== null) return credentials.problem(trouble.what, trouble.fix)
  return credentials.ok(needsCredentials ? 'every Secret that the manifest names can be read' : 'none are needed')
}

const tablesUnreadable = 'the tables cannot be read, and Kafka is asked together with them'

function checkBrokers(manifest: ManifestSeen): Check {
  const inspection = inspectionOf(manifest)
  if (manifest.credentials !== null) return brokers.skipped('no credentials')
  if (inspection === null) return brokers.skipped(tablesUnreadable)
  const { code, error } = inspection.kafka
  const servers = listed(manifest.bootstrapServers)
  if (error === null || code === 'UNKNOWN_TOPIC') return brokers.ok(`${servers}: reachable`)
  const fix =
    code === 'AUTHENTICATION' || code === 'AUTHORIZATION'
      ? 'correct spec.kafka.tls, spec.kafka.sasl or the Secrets that they name, or grant access to topics and group'
      : 'start the brokers, or correct spec.kafka.bootstrapServers; each must also be reachable by the name that it advertises'
  return brokers.problem(error, fix)
}

function checkTopics(manifest: ManifestSeen): Check {
  const kafka = inspectionOf(manifest)?.kafka
  if (kafka?.reachable) return topics.ok(`${listed(manifest.topics)}: there`)
  if (kafka?.code !== 'UNKNOWN_TOPIC') return topics.skipped('Kafka could not be asked')
  return topics.problem(
    `not all there: ${listed(manifest.topics)}`,
    'create the topic (healthconsumer produce creates it), or correct spec.kafka.topics',
  )
}

function checkCatalog({ inspection }: ManifestSeen): Check {
  if ('unreadable' in inspection)
    return catalog.problem(
      inspection.unreadable,
      'give access to the catalog and the warehouse; restore a damaged metadata file from a backup or the version before',
    )
  const tables = [inspection.tables.raw, inspection.tables.errors]
  const missing = tables.filter(({ location }) => location === null).map(({ name }) => name)
  if (missing.length > 0) return catalog.ok(`not there yet: ${missing.join(', ')}; a run creates what is missing`)
  return catalog.ok(
    tables.map(({ name, rows }) => `${name}: ${rows === null ? 'empty' : counted(rows, 'row')}`).join('; '),
  )
}

function checkStorage({ warehouse, refusedFolders }: ManifestSeen): Check {
  if (warehouse === null) return storage.skipped('not local files: a run that cannot write says so in /status.trouble')
  if (refusedFolders.length === 0) return storage.ok(`${warehouse} can be read and written to`)
  const paths = [...new Map(refusedFolders.map(folder => [folder.path, folder])).values()]
  return storage.problem(
    listed(paths.map(({ path, refused }) => `${path} cannot be written to (${refused})`)),
    listed(paths.map(storageFix)),
  )
}

function storageFix({ refused, path }: FolderSeen): string {
  if (refused === 'EROFS') return `mount ${path} read-write`
  if (refused === 'ENOTDIR') return `a part of ${path} is a file: name a folder in the manifest`
  return `let this user read, write and enter ${path}`
}

function checkHalts(manifest: ManifestSeen): Check {
  const inspection = inspectionOf(manifest)
  if (inspection === null) return halts.skipped('the tables cannot be read')
  const found = inspection.halts
  if (found.length > 0)
    return halts.problem(
      found.map(({ code, message }) => `${code}: ${message}`).join('; '),
      [...new Set(found.map(({ fix }) => fix))].join('; '),
    )
  return halts.ok(inspection.kafka.reachable ? 'none' : 'none by the tables; those by Kafka are not known')
}
