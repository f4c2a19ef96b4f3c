/**
 * For each rule of the CRD a HealthConsumer that breaks it: by where the rule stands and how its message begins. Data
 * only.
 */

export interface RuleSample {
  /** Changes of the minimal HealthConsumer, by dotted path. */
  readonly breaks: Readonly<Record<string, unknown>>
  /** Of a rule about changes: what is stored before; nothing is changed but by `breaks`. */
  readonly stored?: Readonly<Record<string, unknown>>
  /** Field that the API server names, without which the rule's own. */
  readonly field?: string
}

const rest = { 'spec.iceberg.catalog': { type: 'rest', uri: 'http://catalog:8181', warehouse: 'a' } }
const autoscaling = { mode: 'External', maxReplicas: 3 }
const wrongKey = { '-a': '1' }

export const ruleSamples: Readonly<Record<string, readonly RuleSample[]>> = {
  ': metadata.name is longer': [{ breaks: { 'metadata.name': 'a'.repeat(53) } }],
  ': metadata.name cannot name': [{ breaks: { 'metadata.name': 'a.b' } }, { breaks: { 'metadata.name': '1a' } }],
  'spec: is missing for format avro': [{ breaks: { 'spec.format': 'avro' } }],
  'spec.kafka.bootstrapServers: holds a value twice': [{ breaks: { 'spec.kafka.bootstrapServers': ['a:1', 'a:1'] } }],
  'spec.kafka.topics: holds a value twice': [{ breaks: { 'spec.kafka.topics': ['a', 'b', 'a'] } }],
  'spec.monitoring.prometheusRule.disabledAlerts: holds a value twice': [
    { breaks: { 'spec.monitoring.prometheusRule.disabledAlerts': ['HighKafkaLag', 'HighKafkaLag'] } },
  ],
  'spec.kafka: groupId cannot change': [
    { stored: { 'spec.kafka.groupId': 'a' }, breaks: { 'spec.kafka.groupId': 'b' } },
    { stored: { 'spec.kafka.groupId': 'a' }, breaks: { 'spec.kafka.groupId': undefined } },
    { stored: {}, breaks: { 'spec.kafka.groupId': 'default.minimal' } },
  ],
  'spec.kafka.sessionTimeout: is out of bounds': [
    { breaks: { 'spec.kafka.sessionTimeout': '5s' } },
    { breaks: { 'spec.kafka.sessionTimeout': '301s' } },
  ],
  'spec.validation.ranges: has a key': [
    { breaks: { 'spec.validation.ranges': { '1a': { min: 0, max: 1, unit: 'x' } } } },
  ],
  'spec.validation.ranges.*: has a min': [
    {
      breaks: { 'spec.validation.ranges': { heartRate: { min: 2, max: 1, unit: 'x' } } },
      field: 'spec.validation.ranges[heartRate]',
    },
  ],
  'spec.iceberg: is the raw table': [
    { breaks: { 'spec.iceberg.rawTable': 'a', 'spec.iceberg.errorsTable': 'a' } },
    { breaks: { 'spec.iceberg.errorsTable': 'health_data_raw' } },
  ],
  'spec.iceberg: namespace cannot change': [{ stored: {}, breaks: { 'spec.iceberg.namespace': 'b' } }],
  'spec.iceberg: rawTable cannot change': [{ stored: {}, breaks: { 'spec.iceberg.rawTable': 'b' } }],
  'spec.iceberg: errorsTable cannot change': [{ stored: {}, breaks: { 'spec.iceberg.errorsTable': 'b' } }],
  'spec.iceberg.catalog: is missing for catalog type rest': [{ breaks: { 'spec.iceberg.catalog': { type: 'rest' } } }],
  'spec.iceberg.catalog: is missing for catalog type filesystem': [
    { breaks: { 'spec.iceberg.catalog': { type: 'filesystem' } } },
  ],
  'spec.iceberg.catalog: is no location': [
    { breaks: { 'spec.iceberg.catalog.warehouse': 'hdfs://a/b' } },
    { breaks: { 'spec.iceberg.catalog.warehouse': '/a#b' } },
  ],
  'spec.iceberg.catalog: is for catalog type rest': [{ breaks: { 'spec.iceberg.catalog.caSecretRef': { name: 'a' } } }],
  'spec.iceberg.catalog: type cannot change': [{ stored: {}, breaks: rest }],
  'spec.iceberg.catalog: uri cannot change': [
    { stored: rest, breaks: { 'spec.iceberg.catalog.uri': 'http://other:8181' } },
  ],
  'spec.iceberg.catalog: warehouse cannot change': [
    { stored: {}, breaks: { 'spec.iceberg.catalog.warehouse': '/b' } },
    { stored: rest, breaks: { 'spec.iceberg.catalog.warehouse': undefined } },
  ],
  'spec.iceberg.storage: has both': [
    { breaks: { 'spec.iceberg.storage': { s3: {}, persistentVolumeClaim: { claimName: 'a' } } } },
  ],
  'spec.iceberg.storage.s3: is for a service at an https address': [
    { breaks: { 'spec.iceberg.storage': { s3: { endpoint: 'http://a', caSecretRef: { name: 'a' } } } } },
  ],
  'spec.iceberg.storage.s3.serverSideEncryption: is for mode': [
    { breaks: { 'spec.iceberg.storage': { s3: { serverSideEncryption: { mode: 'AES256', kmsKeyId: 'a' } } } } },
  ],
  'spec.iceberg.commit.interval: is out of bounds': [
    { breaks: { 'spec.iceberg.commit.interval': '0s' } },
    { breaks: { 'spec.iceberg.commit.interval': '2h' } },
  ],
  'spec.iceberg.maintenance.snapshotRetention.maxAge: is out of bounds': [
    { breaks: { 'spec.iceberg.maintenance.snapshotRetention.maxAge': '59m' } },
  ],
  'spec.iceberg.maintenance.orphanRemoval.minAge: is out of bounds': [
    { breaks: { 'spec.iceberg.maintenance.orphanRemoval.minAge': '23h' } },
  ],
  'spec.scaling: has both': [{ breaks: { 'spec.scaling': { replicas: 1, autoscaling } } }],
  'spec.scaling.autoscaling: is above': [
    { breaks: { 'spec.scaling.autoscaling': { ...autoscaling, minReplicas: 4 } } },
  ],
  'spec.monitoring.serviceMonitor.labels: has a key': [
    { breaks: { 'spec.monitoring.serviceMonitor.labels': wrongKey } },
  ],
  'spec.monitoring.serviceMonitor.interval: is out of bounds': [
    { breaks: { 'spec.monitoring.serviceMonitor.interval': '0s' } },
  ],
  'spec.monitoring.prometheusRule.labels: has a key': [
    { breaks: { 'spec.monitoring.prometheusRule.labels': wrongKey } },
  ],
  'spec.monitoring.prometheusRule.interval: is out of bounds': [
    { breaks: { 'spec.monitoring.prometheusRule.interval': '61m' } },
  ],
  'spec.monitoring.dashboard.labels: has a key': [{ breaks: { 'spec.monitoring.dashboard.labels': wrongKey } }],
  'spec.pod.resources.requests: has a key': [{ breaks: { 'spec.pod.resources.requests': wrongKey } }],
  'spec.pod.resources.limits: has a key': [{ breaks: { 'spec.pod.resources.limits': wrongKey } }],
  'spec.pod.nodeSelector: has a key': [
    { breaks: { 'spec.pod.nodeSelector': { [`${'a'.repeat(254)}/b`]: '1' } } },
    { breaks: { 'spec.pod.nodeSelector': { 'Example.com/b': '1' } } },
  ],
  'spec.pod.labels: has a key': [{ breaks: { 'spec.pod.labels': wrongKey } }],
  'spec.pod.annotations: has a key': [{ breaks: { 'spec.pod.annotations': { 'a b': '1' } } }],
  'spec.pod.extraEnvFrom.[]: needs exactly one': [
    { breaks: { 'spec.pod.extraEnvFrom': [{ prefix: 'A' }] }, field: 'spec.pod.extraEnvFrom[0]' },
    {
      breaks: { 'spec.pod.extraEnvFrom': [{ secretRef: { name: 'a' }, configMapRef: { name: 'a' } }] },
      field: 'spec.pod.extraEnvFrom[0]',
    },
  ],
}
