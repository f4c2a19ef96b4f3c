/** What the tests of this folder hold the tree to. Data only; a rule that has to change changes here. */

/** What every step of the runtime speaks in. */
const vocabulary = ['runtime/contract', 'runtime/kafka.ts', 'runtime/rows.ts']
/** The runtime outside its steps: what wires and observes them. Each file says which steps it sees. */
const composing = (...steps: readonly string[]) => ['runtime/*', ...vocabulary, ...steps]

/**
 * What the files of a folder may import beside files of the folder itself; `folder/*` are the files directly in it.
 * The longest entry that a file lies in counts, and every file lies in one. Steps of the pipeline never see one another.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  crds: [],
  'runtime/contract': ['crds'],
  'runtime/kafka.ts': [],
  'runtime/rows.ts': ['runtime/contract'],
  'runtime/version.ts': [],
  'runtime/secrets.ts': ['runtime/contract'],
  'runtime/lakeCredentials.ts': composing(),
  'runtime/lake.ts': composing('runtime/iceberg'),
  'runtime/tlsContext.ts': [],
  'runtime/httpExchange.ts': ['runtime/tlsContext.ts'],
  'runtime/source': [...vocabulary, 'runtime/secrets.ts', 'runtime/httpExchange.ts', 'runtime/tlsContext.ts'],
  'runtime/decode': vocabulary,
  'runtime/validate': vocabulary,
  'runtime/iceberg': [...vocabulary, 'runtime/httpExchange.ts', 'runtime/tlsContext.ts'],
  'runtime/telemetry': vocabulary,
  'runtime/commit': [...vocabulary, 'runtime/iceberg', 'runtime/source/source.ts'],
  'runtime/upkeep': [...vocabulary, 'runtime/commit', 'runtime/iceberg'],
  'runtime/recover': [...vocabulary, 'runtime/commit', 'runtime/iceberg', 'runtime/source/source.ts'],
  'runtime/recoverConsumer.ts': composing('runtime/recover', 'runtime/iceberg', 'runtime/source', 'runtime/telemetry'),
  'runtime/cursor.ts': composing(),
  'runtime/rates.ts': composing(),
  'runtime/statusReport.ts': composing(),
  'runtime/rowSink.ts': composing('runtime/commit'),
  'runtime/round.ts': composing('runtime/commit', 'runtime/iceberg'),
  'runtime/observers.ts': composing('runtime/commit', 'runtime/source', 'runtime/telemetry', 'runtime/upkeep'),
  'runtime/maintenance.ts': composing('runtime/upkeep'),
  'runtime/trouble.ts': composing('runtime/iceberg', 'runtime/source'),
  'runtime/inspection.ts': composing('runtime/commit', 'runtime/iceberg', 'runtime/source'),
  'runtime/inspect.ts': composing('runtime/iceberg', 'runtime/source', 'runtime/telemetry'),
  'runtime/intake.ts': composing('runtime/commit', 'runtime/iceberg'),
  'runtime/pipelinePorts.ts': composing('runtime/commit', 'runtime/source'),
  'runtime/pipeline.ts': composing('runtime/commit', 'runtime/source'),
  'runtime/probes.ts': composing('runtime/telemetry'),
  'runtime/parts.ts': ['runtime', 'crds'],
  'runtime/main.ts': ['runtime', 'crds'],
  'operator/desired': ['operator/kubernetes.ts', 'operator/config.ts', 'monitoring', 'runtime/contract', 'crds'],
  operator: ['operator/*', 'operator/desired', 'runtime/contract', 'crds'],
  'operator/main.ts': ['operator', 'runtime/contract', 'runtime/telemetry', 'runtime/version.ts', 'crds'],
  monitoring: ['runtime/contract', 'crds'],
  'monitoring/index.ts': ['monitoring', 'crds', 'runtime/contract', 'runtime/telemetry'],
  cli: [
    'crds',
    'monitoring',
    'operator/desired',
    'operator/clusterProblems.ts',
    'operator/config.ts',
    'runtime/contract',
    'runtime/version.ts',
    'runtime/main.ts',
    'runtime/inspect.ts',
    'runtime/recover',
    'runtime/recoverConsumer.ts',
    'runtime/inspection.ts',
    'runtime/lake.ts',
    'runtime/lakeCredentials.ts',
    'runtime/maintenance.ts',
    'runtime/secrets.ts',
    'runtime/source/credentials.ts',
    'runtime/telemetry',
    'runtime/tlsContext.ts',
  ],
  hack: ['crds', 'cli', 'monitoring', 'operator', 'runtime', 'test'],
  test: ['crds', 'cli', 'monitoring', 'operator', 'runtime', 'hack'],
}

/** Files whose functions depend on their arguments alone. */
export const pure: readonly string[] = [
  'crds',
  'cli/doctor/checks',
  'cli/doctor/address.ts',
  'cli/doctor/diagnose.ts',
  'cli/doctor/exposition.ts',
  'cli/doctor/facts.ts',
  'cli/doctor/prometheusApi.ts',
  'cli/doctor/render.ts',
  'cli/doctor/report.ts',
  'cli/doctor/watched.ts',
  'monitoring',
  'operator/backoff.ts',
  'operator/clusterProblems.ts',
  'operator/conditions.ts',
  'operator/desired',
  'operator/fieldOwnership.ts',
  'operator/inMemoryObject.ts',
  'operator/lease.ts',
  'operator/observation.ts',
  'operator/olderSchema.ts',
  'operator/pipelineFacts.ts',
  'operator/requestPath.ts',
  'operator/selection.ts',
  'operator/stalls.ts',
  'operator/status.ts',
  'operator/statusError.ts',
  'operator/storedSpec.ts',
  'operator/workload.ts',
  'runtime/contract',
  'runtime/decode',
  'runtime/validate',
  'runtime/commit',
  'runtime/upkeep',
  'runtime/recover',
  'runtime/kafka.ts',
  'runtime/rows.ts',
  'runtime/cursor.ts',
  'runtime/iceberg/parquet',
  'runtime/iceberg/append.ts',
  'runtime/iceberg/avro.ts',
  'runtime/iceberg/columnMetrics.ts',
  'runtime/iceberg/exclusiveCreate.ts',
  'runtime/iceberg/locations.ts',
  'runtime/iceberg/manifest.ts',
  'runtime/iceberg/manifestList.ts',
  'runtime/iceberg/metadataJson.ts',
  'runtime/iceberg/metadataUpdates.ts',
  'runtime/iceberg/partitionPath.ts',
  'runtime/iceberg/s3/s3Failure.ts',
  'runtime/iceberg/s3/s3Location.ts',
  'runtime/iceberg/rest/answers.ts',
  'runtime/iceberg/rest/idempotencyKey.ts',
  'runtime/iceberg/rest/paths.ts',
  'runtime/iceberg/rest/serverConfiguration.ts',
  'runtime/iceberg/rest/settings.ts',
  'runtime/iceberg/rest/vending.ts',
  'runtime/iceberg/tables.ts',
]
/** All that pure code may take from outside. Of node:crypto only its digests, see `impure`. */
export const pureImports: readonly string[] = [
  'node:buffer',
  'node:crypto',
  'node:path/posix',
  'node:util',
  'node:zlib',
  'avsc',
  'js-yaml',
  'snappy',
  'zod',
]
/** What no pure code says. */
export const impure: Readonly<Record<string, RegExp>> = {
  'the process': /\bprocess\.[a-z]/,
  'a clock': /\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bhrtime\b/,
  randomness: /\bMath\.random\b|\bcrypto\.|\brandom[A-Z]\w*\(|\bgenerateKey/,
  'a timer': /\bset(?:Timeout|Interval|Immediate)\(/,
  'the console': /\bconsole\./,
}

/** The environment is read where a program begins, and by what starts programs. */
export const mayReadEnvironment = /^(?:[\w-]+\/main\.ts|cli\/.*|hack\/.*|test\/.*)$/

/** Why each package is needed; a package that is not here is not a dependency. */
export const dependencies: Readonly<Record<string, string>> = {
  '@aws-crypto/sha256-js': 'the digest that AWS signatures are made of',
  '@aws-sdk/client-s3': 'the S3 protocol, and every way to get credentials of AWS',
  '@kubernetes/client-node': 'kubeconfigs and every way to authenticate to an API server',
  '@smithy/signature-v4': 'requests to REST catalogs of AWS, signed',
  avsc: "record bodies of Iceberg's manifests",
  commander: "the command's arguments and help",
  'js-yaml': 'manifests that people write',
  kafkajs: 'the Kafka protocol',
  'lz4-napi': 'records compressed with lz4',
  pino: 'structured logs off the hot path',
  'prom-client': 'metrics in the Prometheus text format',
  snappy: 'records and Parquet pages compressed with snappy',
  zod: 'the schema of the API and of configuration',
}
export const developmentDependencies: Readonly<Record<string, string>> = {
  '@biomejs/biome': 'format and lint',
  '@types/node': "types of Node's modules",
  'fast-check': 'property tests',
  hyparquet: 'reads Parquet files with code of others',
  node: 'the pinned Node, which runs TypeScript itself',
  typescript: 'checks the types',
}

export const topLevel: readonly string[] = [
  ...['.ci', 'charts', 'cli', 'crds', 'docs', 'examples', 'hack', 'monitoring', 'operator', 'runtime', 'test'],
  ...['.dockerignore', '.editorconfig', '.gitignore', 'CHANGELOG.md', 'Dockerfile', 'LICENSE', 'README.md'],
  ...['biome.json', 'package-lock.json', 'package.json', 'tsconfig.build.json', 'tsconfig.json'],
]

/** Names that say nothing about what a file is for. */
export const emptyNames =
  /(?:^|[-_.]|(?<=[a-z]))(?:helpers?|utils?|utilit(?:y|ies)|common|managers?|shared|misc)(?=$|[-_.A-Z])/i
/** Also what is named after something of others: an alert of the guide, a program. */
export const excusedNames: readonly string[] = [
  'test/helpers.ts',
  'docs/runbooks/TaskManagerDown.md',
  'hack/prometheus.d/alertmanager',
]

export const maxLines = 250
/** Longer than that, and why. */
export const excusedLength: Readonly<Record<string, string>> = {
  'crds/healthconsumer.ts': 'the API: one table of fields',
  'runtime/contract/metrics.ts': 'the metric catalogue: one table',
  'runtime/pipeline.ts': 'one state machine, to be read in one piece',
}
