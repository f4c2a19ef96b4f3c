/** The test suites, in the order in which they begin. Data only. */

export interface Suite {
  readonly name: string
  readonly what: string
  /** Test files, or one command that passes or fails as a whole. */
  readonly files?: readonly string[]
  readonly command?: readonly string[]
  /** Test files at a time; 1 where they share a server or all the cores. */
  readonly concurrency?: number
  /** Mounts file systems, or looks whether anybody did: one of these at a time. */
  readonly mounts?: true
  /** Takes too long for every run: with --long, or where it is named. */
  readonly long?: true
}

export const suites: readonly Suite[] = [
  { name: 'types', what: 'tsc, strict', command: ['tsc', '--noEmit'] },
  { name: 'lint', what: 'biome, warnings are errors', command: ['biome', 'check', '--error-on-warnings', '.'] },
  {
    name: 'architecture',
    what: 'import direction, purity, dependencies, names',
    files: ['test/architecture/**/*.test.ts'],
  },
  {
    name: 'unit',
    what: 'one module at a time, in memory',
    files: ['test/{crds,runtime,monitoring,operator,cli}/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'controlplane',
    what: 'the operator on a real API server, watches through faults, leaders that die',
    files: ['test/controlplane/**/*.test.ts'],
    concurrency: 2,
  },
  { name: 'readers', what: 'tables through pyiceberg, DuckDB and Iceberg Java', files: ['test/readers/**/*.test.ts'] },
  { name: 'kafka', what: 'the source on a real broker', files: ['test/kafka/**/*.test.ts'] },
  {
    name: 'e2e',
    what: 'all of it on a real node, Kafka to S3, installed and watched, through disruptions; needs root',
    files: ['test/e2e/**/*.test.ts'],
    mounts: true,
  },
  {
    name: 'pipeline',
    what: 'the whole runtime on a real broker, tables read by pyiceberg',
    files: ['test/pipeline/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'prometheus',
    what: 'rules, scrape and queries on a real Prometheus and Alertmanager',
    files: ['test/prometheus/**/*.test.ts'],
  },
  {
    name: 'cluster',
    what: 'pods on a real node, and that nothing stays of it; needs root',
    files: ['test/cluster/**/*.test.ts'],
    mounts: true,
  },
  {
    name: 'lakehouse',
    what: 'REST catalog and S3: faults of every request, kills, other engines, a short soak',
    files: ['test/lakehouse/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'chart',
    what: 'the chart, rendered and on a real API server; Argo CD and kustomize',
    files: ['test/{chart,argocd}/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'image',
    what: 'the image: contents, the same twice, its pods on a real node; needs root',
    files: ['test/image/**/*.test.ts'],
    mounts: true,
  },
  { name: 'faults', what: 'kills, pauses, lost responses', files: ['test/faults/**/*.test.ts'] },
  {
    name: 'argocd',
    what: 'the example Application on Argo CD itself, from a repository in git',
    files: ['test/gitops/**/*.test.ts'],
    long: true,
  },
  { name: 'docs', what: 'every command in the README and docs', files: ['test/docs/**/*.test.ts'], mounts: true },
  {
    name: 'package',
    what: 'the packed tarball, installed in an empty project',
    files: ['test/package/**/*.test.ts'],
  },
]
