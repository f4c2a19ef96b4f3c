/** Values of each field that the API takes and that it refuses: for the schema and for an API server. Data only. */
import { alertNames } from '../../crds/monitoring.ts'

/** Field, values that are taken, values that are refused. */
export const fieldCases: readonly (readonly [string, readonly unknown[], readonly unknown[]])[] = [
  ['metadata.name', ['a', 'a-1', `a${'b'.repeat(51)}`], ['', 'A', '1a', 'a.b', 'a-', `a${'b'.repeat(52)}`, 7]],
  ['metadata.namespace', ['prod-1'], ['Prod', '', 'x'.repeat(64)]],
  ['metadata.uid', ['c5f0'], []],
  ['spec.paused', [true, false], ['true', 0, null]],
  [
    'spec.restartedAt',
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.5+02:00'],
    ['2026-02-30T12:00:00Z', '2026-01-31', 1],
  ],
  ['spec.image', ['ghcr.io/a/b:1', 'a@sha256:ab'], ['', 'a b', ':x']],
  ['spec.imagePullPolicy', ['Always'], ['always']],
  ['spec.imagePullSecrets', [[], [{ name: 'a' }]], [['a'], [{}], Array(17).fill({ name: 'a' })]],
  [
    'spec.kafka.bootstrapServers',
    [['a:1', '[::1]:65535']],
    [[], ['a'], ['a:0'], ['a:65536'], ['a:1', 'a:1'], 'a:1', undefined],
  ],
  [
    'spec.kafka.bootstrapServers',
    [Array.from({ length: 32 }, (_, i) => `a${i}:1`)],
    [Array.from({ length: 33 }, (_, i) => `a${i}:1`)],
  ],
  [
    'spec.kafka.topics',
    [['a'], ['...'], ['.a']],
    [[], ['.'], ['..'], ['a b'], [''], ['x'.repeat(250)], ['a', 'a'], null],
  ],
  ['spec.kafka.groupId', ['a.b-c_D'], ['', 'a b', 'a/b', 'x'.repeat(250)]],
  ['spec.kafka.startFrom', ['earliest', 'latest'], ['Latest', '']],
  ['spec.kafka.onGap', ['Halt', 'RecordAndContinue'], ['halt']],
  ['spec.kafka.sessionTimeout', ['6s', '5m', '300s'], ['5s', '301s', '6', '6 s', '0.1m', '1m30s', 30]],
  [
    'spec.kafka.tls',
    [{}, { caSecretRef: { name: 'ca' } }, { clientCertificateSecretRef: { name: 'c' } }],
    [true, { ca: 1 }],
  ],
  [
    'spec.kafka.sasl',
    [{ mechanism: 'plain', secretRef: { name: 'a' } }],
    [{ mechanism: 'plain' }, { secretRef: { name: 'a' } }],
  ],
  ['spec.format', ['json'], ['avro', 'xml']],
  ['spec.validation.mode', ['lenient', 'strict'], ['Strict']],
  ['spec.validation.onInvalid', ['ErrorsTable', 'Drop', 'Fail'], ['drop']],
  [
    'spec.validation.ranges',
    [{}, { heartRate: { min: 0, max: 0, unit: 'x' } }],
    [
      { heartRate: { min: 2, max: 1, unit: 'x' } },
      { heartRate: { min: 1, max: 2 } },
      { heartRate: { min: -1, max: 2, unit: 'x' } },
      { heartRate: { min: Number.NaN, max: 2, unit: 'x' } },
      { heartRate: { min: 0, max: Infinity, unit: 'x' } },
      { '1a': { min: 1, max: 2, unit: 'x' } },
      Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`a${i}`, { min: 1, max: 2, unit: 'x' }])),
    ],
  ],
  [
    'spec.iceberg.catalog',
    [
      { type: 'rest', uri: 'http://catalog:8181' },
      { type: 'rest', uri: 'https://c/x', warehouse: 'arn:aws:s3' },
      { type: 'rest', uri: 'https://c', caSecretRef: { name: 'a', key: 'b' } },
      // The server of its tokens may have another address.
      { type: 'rest', uri: 'http://c', caSecretRef: { name: 'a' } },
    ],
    [
      { type: 'rest' },
      { type: 'filesystem' },
      { type: 'hive', uri: 'http://a' },
      { uri: 'http://a' },
      undefined,
      { type: 'rest', uri: 'https://c', caSecretRef: {} },
      { type: 'rest', uri: 'https://c', caSecretRef: { name: 'a', key: '/' } },
      { type: 'filesystem', warehouse: '/a', caSecretRef: { name: 'a' } },
    ],
  ],
  ['spec.iceberg.catalog.uri', ['http://a'], ['ftp://a', 'http://user:password@a', 'a', 'http://a b']],
  [
    'spec.iceberg.catalog.warehouse',
    ['/data', 'file:/data', 'file:///data', 's3://bucket', 's3://bucket/folder', 'data', './data', '../data', '.data'],
    ['', 'file://host/data', 's3:///x', 'hdfs://a/b', '~/data', 'a%20b', 'a#b', 'a?b', 'a\nb', 'x'.repeat(1025)],
  ],
  [
    'spec.iceberg.catalog.properties',
    [{ prefix: 'a' }],
    [{ a: 1 }, Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, '']))],
  ],
  ['spec.iceberg.namespace', ['a', 'a.b'], ['', 'a..b', 'a/b', '.a', '-a']],
  ['spec.iceberg.rawTable', ['a_b-c'], ['', 'a.b', '../a', 'a b', 'health_data_errors', 'x'.repeat(129)]],
  ['spec.iceberg.errorsTable', ['a'], ['health_data_raw']],
  [
    'spec.iceberg.storage.s3',
    [
      {},
      { endpoint: 'http://a:1', region: 'eu-1', pathStyle: true },
      { caSecretRef: { name: 'a' } },
      { endpoint: 'https://a', caSecretRef: { name: 'a', key: 'b' } },
    ],
    [{ region: 'EU' }, { caSecretRef: {} }, { endpoint: 'http://a', caSecretRef: { name: 'a' } }],
  ],
  [
    'spec.iceberg.storage.persistentVolumeClaim',
    [{ claimName: 'a' }, { claimName: 'a', fsGroup: 1_000_650_000 }],
    [
      {},
      { claimName: 'a', mountPath: 'x' },
      { claimName: 'a', fsGroup: 0 },
      { claimName: 'a', fsGroup: 2 ** 31 },
      { claimName: 'a', fsGroup: 'users' },
    ],
  ],
  [
    'spec.iceberg.storage',
    [{ pendingLocation: '/p' }],
    [{ s3: {}, persistentVolumeClaim: { claimName: 'a' } }, { pendingLocation: 'x:y' }],
  ],
  ['spec.iceberg.commit.interval', ['1s', '1h', '60m'], ['0s', '61m', '1d', '', '999999999d']],
  ['spec.iceberg.commit.maxRows', [1, 100_000_000], [0, 100_000_001, 1.5, '5']],
  ['spec.iceberg.commit.targetFileSizeBytes', [1_048_576], [1_048_575, 2 ** 31 + 1]],
  ['spec.iceberg.commit.compression', ['zstd', 'snappy', 'gzip', 'none'], ['lz4']],
  ['spec.iceberg.maintenance.snapshotRetention', [{ maxAge: '1h', maxCount: 1 }], [{ maxAge: '59m' }, { maxCount: 0 }]],
  ['spec.iceberg.maintenance.orphanRemoval', [{ enabled: false, minAge: '1d' }], [{ minAge: '23h' }]],
  ['spec.scaling.replicas', [0, 1000], [-1, 1001, 1.5]],
  [
    'spec.scaling',
    [
      { autoscaling: { mode: 'KEDA', maxReplicas: 1 } },
      { autoscaling: { mode: 'External', minReplicas: 0, maxReplicas: 3 } },
    ],
    [
      { replicas: 1, autoscaling: { mode: 'KEDA', maxReplicas: 1 } },
      { autoscaling: { mode: 'KEDA', minReplicas: 3, maxReplicas: 2 } },
      { autoscaling: { mode: 'KEDA' } },
    ],
  ],
  [
    'spec.rollout',
    [{ strategy: 'Recreate', progressDeadlineSeconds: 30, rollbackOnFailure: true }],
    [{ strategy: 'x' }],
  ],
  [
    'spec.monitoring.serviceMonitor',
    [{ enabled: false, labels: { release: 'p' }, interval: '1s' }],
    [{ labels: { a: '-' } }],
  ],
  [
    'spec.monitoring.prometheusRule.disabledAlerts',
    [[], [...alertNames]],
    [['Nope'], ['LowThroughput', 'LowThroughput']],
  ],
  [
    'spec.monitoring.prometheusRule.thresholds',
    [{ HighMemoryUsage: 1 }, { CommitsStalled: 4000, FreshnessTarget: 4000 }],
    [{ HighMemoryUsage: 90 }, { TaskManagerDown: 1 }, { CommitsStalled: 0 }, { FreshnessTarget: 1.5 }],
  ],
  ['spec.monitoring.dashboard', [{ folder: 'Health', dataSource: 'Prometheus' }], [{ folder: 'a\nb' }]],
  ['spec.logging', [{ level: 'DEBUG', format: 'text' }], [{ level: 'debug' }, { format: 'xml' }]],
  [
    'spec.pod.resources',
    [{ requests: { cpu: '500m', memory: '1.5Gi' }, limits: { cpu: 2 } }],
    [{ limits: { cpu: 0.5 } }, { limits: { memory: '1Gb' } }],
  ],
  ['spec.pod.affinity', [{ podAntiAffinity: { anything: [{ goes: 1 }] } }], [{ podAfinity: {} }]],
  [
    'spec.pod.extraEnvFrom',
    [[{ secretRef: { name: 'a' } }], [{ configMapRef: { name: 'a' }, prefix: 'A_' }]],
    [[{}], [{ secretRef: { name: 'a' }, configMapRef: { name: 'a' } }]],
  ],
  [
    'spec.pod.tolerations',
    [[{ key: 'a/b', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }]],
    [[{ operator: 'In' }]],
  ],
  // White space and lengths are not the same to JavaScript and to Go by themselves.
  ['spec.schemaRegistry', [], [{ url: 'http://a\u00a0b' }, { url: 'http://a\u2028b' }, { url: 'http://{a}' }]],
  [
    'spec.monitoring.dashboard',
    [{ folder: '\u{1f600}'.repeat(128) }],
    [{ folder: '\u{1f600}'.repeat(129) }, { dataSource: '' }, { dataSource: '\u00a0 ' }],
  ],
  // A list where a text belongs, and times that only one of the two would take by itself.
  [
    'spec.restartedAt',
    ['2024-02-29T23:59:59-23:59'],
    [
      ['2026-01-31T12:00:00Z'],
      '2023-02-29T12:00:00Z',
      '2026-01-31T12:00Z',
      '2026-01-31t12:00:00z',
      '2026-01-31T24:00:00Z',
    ],
  ],
  ['spec.imagePullSecrets', [[{ name: 'a' }, { name: 'b' }]], [[{ name: 'a' }, { name: 'a' }]]],
  [
    'spec.pod.topologySpreadConstraints',
    [
      [
        { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'DoNotSchedule' },
        { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'ScheduleAnyway' },
      ],
    ],
    [Array(2).fill({ maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'DoNotSchedule' })],
  ],
  ['spec.pod.annotations', [{ 'a/b': 'any text' }], [{ 'a b': '' }, { a: 1 }]],
  ['metadata.labels', [{ 'example.com/a': 'b', c: '' }], [{ a: 'b c' }, { '-a': 'b' }, { a: 1 }]],
  [
    'spec.iceberg.storage.persistentVolumeClaim',
    [{ claimName: 'a', mountPath: '/a' }],
    [{ claimName: 'a', mountPath: '/' }],
  ],
]
