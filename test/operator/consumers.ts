/** HealthConsumers that a cluster takes, and what their pods tell, for tests of the operator. */
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import type { PartitionStatus, RuntimeStatus } from '../../runtime/contract/status.ts'

/** With its tables on the claim `tables`; `spec` is merged over it, one level deep. */
export const consumer = (namespace: string, name: string, spec: object = {}): KubernetesObject => ({
  apiVersion: 'healthdata.dev/v1alpha1',
  kind: 'HealthConsumer',
  metadata: { name, namespace },
  spec: {
    kafka: { bootstrapServers: ['kafka.test:9092'] },
    iceberg: {
      catalog: { type: 'filesystem', warehouse: 'file:///data/warehouse' },
      storage: { persistentVolumeClaim: { claimName: 'tables', mountPath: '/data' } },
    },
    ...spec,
  },
})

export const claim = (namespace: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'tables', namespace },
  spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } },
})

/** Values are text, as `stringData` takes them. */
export const secret = (
  namespace: string,
  name: string,
  values: Readonly<Record<string, string>>,
): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, btoa(value)])),
})

export interface Told {
  /** One partition each; null is not measured. */
  readonly lags?: readonly (number | null)[]
  readonly halt?: RuntimeStatus['halt']
  readonly trouble?: RuntimeStatus['trouble']
  readonly epoch?: number
  readonly validRows?: number
  readonly invalidRows?: number
  readonly sequence?: number | null
}

/** As a pod answers. */
export function told({
  lags = [0],
  halt = null,
  trouble = null,
  epoch = 1,
  validRows = 120,
  invalidRows = 0,
  sequence = 7,
}: Told = {}) {
  const partitions = lags.map((lag, partition): PartitionStatus => {
    return { topic: 'health-data-raw', partition, nextOffset: 10, highWatermark: 10 + (lag ?? 0), lag, committed: 10 }
  })
  const table = (name: string) => ({
    name,
    snapshotId: sequence === null ? null : `10${sequence}`,
    sequence,
    lastCommitAt: sequence === null ? null : `2026-01-01T00:00:0${sequence}.000Z`,
  })
  const status: RuntimeStatus = {
    version: '0.1.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    group: 'group',
    instance: 'pod',
    epoch,
    caughtUp: true,
    halt,
    trouble,
    partitions,
    tables: { raw: table('health_db.health_data_raw'), errors: table('health_db.health_data_errors') },
    pendingErrorIntents: 0,
    rates: { kafkaRecords: 6, validRows, invalidRows },
    invalidRatio: 0,
    bufferedBytes: 0,
    logging: { level: 'info', formatter: 'JSONFormatter', file: null },
  }
  return status
}
