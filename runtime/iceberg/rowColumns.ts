/**
 * The rows of each table spread over Parquet columns, in table order: the hot path of the writer, one push a row. What
 * is kept of a row is copied. No values are checked here: validation made the rows.
 */
import type { ErrorRow, RawRow } from '../rows.ts'
import { BooleanColumn } from './parquet/booleanColumn.ts'
import { BinaryColumn, PlainStringColumn, StringColumn } from './parquet/byteArrayColumns.ts'
import type { Column } from './parquet/columnChunk.ts'
import { DoubleColumn, IntColumn, LongColumn, TimestampColumn } from './parquet/fixedWidthColumns.ts'
import { MapColumn } from './parquet/mapColumn.ts'
import type { SizeEstimate } from './parquet/sizeEstimate.ts'
import { StringPool } from './parquet/stringPool.ts'

export interface RowColumns<Row> {
  rows: number
  readonly size: SizeEstimate
  push(row: Row): void
  /** In schema order, one a field. */
  columns(): readonly Column[]
}

/** Fixed-width values, dictionary indexes and levels of a row; the rest is counted as it comes. */
const rawRowBytes = 96
const errorRowBytes = 80

/** Strings of a writer's row groups, which share them. */
export class RawPools {
  readonly size: SizeEstimate = { bytes: 0 }
  readonly deviceId = new StringPool(this.size)
  readonly userId = new StringPool(this.size)
  readonly dataType = new StringPool(this.size)
  readonly unit = new StringPool(this.size)
  readonly sourceBundle = new StringPool(this.size)
  readonly appVersion = new StringPool(this.size)
  readonly timezone = new StringPool(this.size)
  readonly metadataKey = new StringPool(this.size)
  readonly metadataValue = new StringPool(this.size)
}

export class RawColumns implements RowColumns<RawRow> {
  rows = 0
  readonly size: SizeEstimate = { bytes: 0 }
  readonly #deviceId: StringColumn
  readonly #userId: StringColumn
  readonly #sampleId = new PlainStringColumn(this.size)
  readonly #dataType: StringColumn
  readonly #value = new DoubleColumn()
  readonly #unit: StringColumn
  readonly #startDate = new TimestampColumn()
  readonly #endDate = new TimestampColumn()
  readonly #sourceBundle: StringColumn
  readonly #metadata: MapColumn
  readonly #isSynced = new BooleanColumn()
  readonly #createdAt = new TimestampColumn()
  readonly #payloadTimestamp = new TimestampColumn()
  readonly #appVersion: StringColumn
  readonly #processingTime = new TimestampColumn()
  readonly #timezone: StringColumn
  readonly #timezoneOffset = new IntColumn()

  constructor(pools: RawPools) {
    this.#deviceId = new StringColumn(pools.deviceId)
    this.#userId = new StringColumn(pools.userId)
    this.#dataType = new StringColumn(pools.dataType)
    this.#unit = new StringColumn(pools.unit)
    this.#sourceBundle = new StringColumn(pools.sourceBundle)
    this.#appVersion = new StringColumn(pools.appVersion)
    this.#timezone = new StringColumn(pools.timezone)
    this.#metadata = new MapColumn(this.size, pools.metadataKey, pools.metadataValue)
  }

  push(row: RawRow): void {
    this.#deviceId.push(row.deviceId)
    this.#userId.push(row.userId)
    this.#sampleId.push(row.sampleId)
    this.#dataType.push(row.dataType)
    this.#value.push(row.value)
    this.#unit.push(row.unit)
    this.#startDate.push(row.startDate)
    this.#endDate.push(row.endDate)
    this.#sourceBundle.push(row.sourceBundle)
    this.#metadata.push(row.metadata)
    this.#isSynced.push(row.isSynced)
    this.#createdAt.push(row.createdAt)
    this.#payloadTimestamp.push(row.payloadTimestamp)
    this.#appVersion.push(row.appVersion)
    this.#processingTime.push(row.processingTime)
    this.#timezone.push(row.timezone)
    this.#timezoneOffset.push(row.timezoneOffset)
    this.rows++
    this.size.bytes += rawRowBytes
  }

  columns(): readonly Column[] {
    return [
      this.#deviceId,
      this.#userId,
      this.#sampleId,
      this.#dataType,
      this.#value,
      this.#unit,
      this.#startDate,
      this.#endDate,
      this.#sourceBundle,
      this.#metadata,
      this.#isSynced,
      this.#createdAt,
      this.#payloadTimestamp,
      this.#appVersion,
      this.#processingTime,
      this.#timezone,
      this.#timezoneOffset,
    ]
  }
}

/** Strings of a writer's row groups, which share them. */
export class ErrorPools {
  readonly size: SizeEstimate = { bytes: 0 }
  readonly errorType = new StringPool(this.size)
  readonly errorReason = new StringPool(this.size)
  readonly errorMessage = new StringPool(this.size)
  readonly deviceId = new StringPool(this.size)
  readonly userId = new StringPool(this.size)
  readonly dataType = new StringPool(this.size)
  readonly kafkaTopic = new StringPool(this.size)
  readonly appVersion = new StringPool(this.size)
}

export class ErrorColumns implements RowColumns<ErrorRow> {
  rows = 0
  readonly size: SizeEstimate = { bytes: 0 }
  readonly #rawPayload = new BinaryColumn(this.size)
  readonly #errorType: StringColumn
  readonly #errorReason: StringColumn
  readonly #errorMessage: StringColumn
  readonly #errorTimestamp = new TimestampColumn()
  readonly #deviceId: StringColumn
  readonly #userId: StringColumn
  readonly #sampleId = new PlainStringColumn(this.size)
  readonly #dataType: StringColumn
  readonly #kafkaTopic: StringColumn
  readonly #kafkaPartition = new IntColumn()
  readonly #kafkaOffset = new LongColumn()
  readonly #sampleIndex = new IntColumn()
  readonly #appVersion: StringColumn
  readonly #processingTime = new TimestampColumn()

  constructor(pools: ErrorPools) {
    this.#errorType = new StringColumn(pools.errorType)
    this.#errorReason = new StringColumn(pools.errorReason)
    this.#errorMessage = new StringColumn(pools.errorMessage)
    this.#deviceId = new StringColumn(pools.deviceId)
    this.#userId = new StringColumn(pools.userId)
    this.#dataType = new StringColumn(pools.dataType)
    this.#kafkaTopic = new StringColumn(pools.kafkaTopic)
    this.#appVersion = new StringColumn(pools.appVersion)
  }

  push(row: ErrorRow): void {
    this.#rawPayload.push(row.rawPayload)
    this.#errorType.push(row.errorType)
    this.#errorReason.push(row.errorReason)
    this.#errorMessage.push(row.errorMessage)
    this.#errorTimestamp.push(row.errorTimestamp)
    this.#deviceId.push(row.deviceId)
    this.#userId.push(row.userId)
    this.#sampleId.push(row.sampleId)
    this.#dataType.push(row.dataType)
    this.#kafkaTopic.push(row.kafkaTopic)
    this.#kafkaPartition.push(row.kafkaPartition)
    this.#kafkaOffset.push(row.kafkaOffset)
    this.#sampleIndex.push(row.sampleIndex)
    this.#appVersion.push(row.appVersion)
    this.#processingTime.push(row.processingTime)
    this.rows++
    this.size.bytes += errorRowBytes
  }

  columns(): readonly Column[] {
    return [
      this.#rawPayload,
      this.#errorType,
      this.#errorReason,
      this.#errorMessage,
      this.#errorTimestamp,
      this.#deviceId,
      this.#userId,
      this.#sampleId,
      this.#dataType,
      this.#kafkaTopic,
      this.#kafkaPartition,
      this.#kafkaOffset,
      this.#sampleIndex,
      this.#appVersion,
      this.#processingTime,
    ]
  }
}
