/**
 * The folder of a table partition, named as Iceberg names it: `start_date_day=2024-05-01/data_type=heartRate`. Names
 * only; no reader takes a value from them. Pure.
 *
 * Source: PartitionSpec.partitionToPath and Transforms.day().toHumanString of apache/iceberg.
 */
import type { PartitionValue } from './dataFile.ts'
import type { PartitionSpec } from './tableMetadata.ts'

const msPerDay = 86_400_000

export function partitionPath(spec: PartitionSpec, values: readonly PartitionValue[]): string {
  return spec.fields
    .map(({ name, transform }, index) => `${escapeName(name)}=${escapeName(humanValue(transform, values[index]!))}`)
    .join('/')
}

function humanValue(transform: string, value: PartitionValue): string {
  if (value === null || transform !== 'day') return String(value)
  const iso = new Date(Number(value) * msPerDay).toISOString()
  return iso.slice(0, iso.indexOf('T'))
}

/** java.net.URLEncoder: application/x-www-form-urlencoded in UTF-8. */
const escapeName = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
