/**
 * All that a HealthConsumer needs in a real cluster: a node with the image of this tree, and in the node's network Kafka,
 * Iceberg's REST catalog and an S3 service, which pods reach by the names that the examples use. The operator is not
 * installed yet. Needs root.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { load } from 'js-yaml'
import { root, namespace as system } from '../chart/helm.ts'
import { type NodeCluster, startNodeCluster } from '../cluster/nodeCluster.ts'
import { buildImage } from '../image/builtImage.ts'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import { type RestCatalogServer, startRestCatalog } from '../lakehouse/restCatalogServer.ts'
import { startS3, type TestS3 } from '../lakehouse/s3Server.ts'
import { type Answer, getAt, type Place, runAt, thisMachine } from '../place.ts'
import type { TableOfCatalog } from '../readers/readers.ts'

/** Of the consumers. */
export const namespace = 'health'
const nodeAddress = '10.250.0.1'
/** What pods connect to, as in examples/rest-s3.yaml. */
const services = { 'kafka-bootstrap': 9092, catalog: 8181, minio: 9000 }

export interface Ended {
  readonly out: string
  readonly err: string
  readonly code: number
}

export interface Ground {
  readonly cluster: NodeCluster
  /** The node's network, which also reaches pods and Services. */
  readonly place: Place
  /** For files of the test. */
  readonly folder: string
  /** What pods call the image of this tree. */
  readonly image: string
  /** The chart's values for it. */
  readonly imageValues: readonly string[]
  readonly broker: TestBroker
  readonly catalog: RestCatalogServer
  readonly s3: TestS3
  /** In the namespace of the consumers. */
  kubectl(...parameters: string[]): Promise<string>
  /** In the namespace of the operator. */
  helm(...parameters: string[]): Promise<string>
  /** `kubectl healthconsumer`, as kubectl finds it in PATH. Resolves also where it fails. */
  plugin(...parameters: string[]): Promise<Ended>
  /** Rejects where nothing listens. */
  get(url: string): Promise<Answer>
  /** examples/rest-s3.yaml, which it needs Secrets for (`secrets`), with commits every few seconds; fields of the spec over it. */
  consumer(name: string, spec?: object): Promise<object>
  /** `catalog-login` and `storage-login`. */
  readonly secrets: readonly object[]
  /** For outside readers. */
  tableAt(namespace: string, name: string): TableOfCatalog
  down(): Promise<void>
}

/** Waits for their downloads where there is still a network. */
async function obtainPrograms(): Promise<void> {
  const commands = [
    ...[
      ['kafka', 'jars'],
      ['rest-catalog', 'bin'],
      ['s3', 'bin'],
      ['helm', 'bin'],
      ['prometheus', 'bin'],
    ],
    ['readers/install', 'python'],
  ]
  for (const [script, ...parameters] of commands) await runAt(thisMachine, [join(root, 'hack', script!), ...parameters])
}

export async function startGround(): Promise<Ground> {
  const undo: (() => Promise<unknown>)[] = []
  const down = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  const undoing = async <T>(starting: Promise<T>, end: (started: T) => Promise<unknown>): Promise<T> => {
    const started = await starting
    undo.push(() => end(started))
    return started
  }
  try {
    await obtainPrograms()
    const folder = await undoing(mkdtemp(join(tmpdir(), 'e2e-')), path => rm(path, { recursive: true }))
    const archive = join(folder, 'image.tar')
    const [cluster, built] = await settled(
      undoing(startNodeCluster(), each => each.down()),
      buildImage(archive),
    )
    await cluster.cluster('load', archive)
    await cluster.apply(...namespaces, ...serviceObjects)
    const place = await undoing(enter(cluster, join(folder, 'bridge')), each => each.leave())
    const s3 = await undoing(startS3({ place, port: services.minio }), each => each.stop())
    const warehouse = `s3://${s3.bucket}/warehouse`
    const [broker, catalog] = await settled(
      undoing(startBroker({ place, port: services['kafka-bootstrap'] }), each => each.stop()),
      undoing(startRestCatalog({ place, port: services.catalog, warehouse, s3 }), each => each.stop()),
    )
    return {
      ...commandsOf(cluster, place, folder),
      ...lakeOf(place, catalog, s3),
      ...imageOf(built.name),
      broker,
      down,
    }
  } catch (error) {
    await down()
    throw error
  }
}

/** Rejects once all have ended, so that whatever was started can be ended. */
async function settled<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other])
  return Promise.all([one, other])
}

const enforce = { 'pod-security.kubernetes.io/enforce': 'restricted' }
const namespaces = [system, namespace].map(name => ({
  ...{ apiVersion: 'v1', kind: 'Namespace' },
  metadata: { name, labels: enforce },
}))

/** Names for addresses outside of the cluster. */
const serviceObjects = Object.entries(services).flatMap(([name, port]) => {
  const ports = [{ name: 'main', port, protocol: 'TCP' }]
  const labels = { 'kubernetes.io/service-name': name }
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports } },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name, namespace, labels } },
      ...{ addressType: 'IPv4', ports, endpoints: [{ addresses: [nodeAddress] }] },
    },
  ]
})

async function enter(cluster: NodeCluster, socket: string): Promise<Place & { leave(): Promise<void> }> {
  const through = [join(root, 'hack/cluster'), 'run', '--dir', cluster.directory]
  const [program, ...parameters] = [...through, process.execPath, join(import.meta.dirname, 'bridge.ts'), socket]
  const bridge = spawn(program!, parameters, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(bridge, 'exit')
  const failed = ended.then(([code]) => {
    throw new Error(`the bridge ended with code ${code}`)
  })
  failed.catch(() => undefined)
  await Promise.race([once(bridge.stdout, 'data'), failed])
  return {
    host: nodeAddress,
    through,
    connect(host, port) {
      const joined = connect(socket)
      joined.write(`${host} ${port}\n`)
      return joined
    },
    async leave() {
      bridge.kill()
      await ended
    },
  }
}

function commandsOf(cluster: NodeCluster, place: Place, folder: string) {
  const home = ['CACHE', 'CONFIG', 'DATA'].map(name => `HELM_${name}_HOME=${folder}`)
  return {
    ...{ cluster, place, folder },
    kubectl: (...parameters: string[]) => cluster.kubectl('--namespace', namespace, ...parameters),
    helm: (...parameters: string[]) =>
      cluster.cluster('run', 'env', ...home, join(root, 'hack/helm'), ...parameters, '--namespace', system),
    async plugin(...parameters: string[]): Promise<Ended> {
      const [program, ...given] = [...place.through, 'kubectl', 'healthconsumer', ...parameters]
      const env = { ...process.env, PATH: `${join(root, 'hack')}:${process.env.PATH}` }
      const child = spawn(program!, given, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
      return { out, err, code }
    },
    get: (url: string) => getAt(place, url),
  }
}

function imageOf(image: string) {
  const [repository, tag] = image.split(/:(?=[^/]*$)/)
  const values = { repository, tag, pullPolicy: 'Never' }
  return { image, imageValues: Object.entries(values).flatMap(([name, value]) => ['--set', `image.${name}=${value}`]) }
}

function lakeOf(place: Place, catalog: RestCatalogServer, s3: TestS3) {
  const { accessKeyId, secretAccessKey } = s3
  const properties = {
    uri: catalog.uri,
    's3.endpoint': s3.endpoint,
    's3.access-key-id': accessKeyId,
    's3.secret-access-key': secretAccessKey,
    's3.path-style-access': 'true',
    'client.region': 'us-east-1',
  }
  const secret = (name: string, stringData: object) => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData },
  })
  return {
    ...{ catalog, s3 },
    secrets: [
      secret('catalog-login', { clientId: 'health', clientSecret: 'canary-of-the-catalog' }),
      secret('storage-login', { accessKeyId, secretAccessKey }),
    ],
    tableAt: (folder: string, name: string) => ({ name: `${folder}.${name}`, properties, through: place.through }),
    async consumer(name: string, spec: object = {}) {
      const shown = await readFile(join(root, 'examples/rest-s3.yaml'), 'utf8')
      // The one address that is not among the services: the catalog itself gives tokens here.
      const adapted = shown.replace('http://login:8080/realms/health/protocol/openid-connect/token', tokens)
      const resource = load(adapted) as { metadata: object; spec: { iceberg: object } }
      const iceberg = { ...resource.spec.iceberg, commit: { interval: '3s' } }
      return { ...resource, metadata: { name, namespace }, spec: { ...resource.spec, iceberg, ...spec } }
    },
  }
}
const tokens = 'http://catalog:8181/v1/oauth/tokens'
