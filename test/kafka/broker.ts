/**
 * A real Kafka broker for a test file, started by hack/kafka in a folder of its own, with the administration and the
 * producers that tests need. Producers are kafkajs'; Java's own tools are in javaTools.ts.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Admin, CompressionTypes, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import type { Logger } from '../../runtime/contract/logger.ts'
import { registerCodecs } from '../../runtime/source/codecs.ts'
import { type Place, runAt, thisMachine } from '../place.ts'
import { until } from '../until.ts'

export interface ProducedRecord {
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
}

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface TestBroker {
  /** Holds server.properties, which `resume` reads again. */
  readonly directory: string
  readonly bootstrapServers: string
  readonly kafka: Kafka
  readonly admin: Admin
  /** Resolves when every partition has a leader. */
  createTopic(topic: string, partitions?: number, config?: Readonly<Record<string, string>>): Promise<void>
  deleteTopic(topic: string): Promise<void>
  /** Drops what lies before `offset`, as retention does. */
  deleteRecords(topic: string, partition: number, offset: number): Promise<void>
  /** One record batch to one partition. */
  produce(topic: string, partition: number, records: readonly ProducedRecord[], codec?: Codec): Promise<void>
  /** One transaction to one partition: its records and one control record. */
  transact(topic: string, partition: number, records: readonly ProducedRecord[], end: 'commit' | 'abort'): Promise<void>
  /** A producer in a transaction that the caller ends. */
  transactionalProducer(): Promise<Producer>
  /** Stops the broker process; its data stays. */
  halt(): Promise<void>
  /** Starts it again, at the same port. */
  resume(): Promise<void>
  stop(): Promise<void>
}

const script = join(import.meta.dirname, '../../hack/kafka')
const codecs: Readonly<Record<Codec, CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

export interface BrokerOptions {
  readonly rebalanceDelayMs?: number
  readonly heap?: string
  readonly place?: Place
  /** A free one by default. */
  readonly port?: number
}

export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const { rebalanceDelayMs = 0, heap = '384m', place = thisMachine, port = 0 } = options
  const directory = await mkdtemp(join(tmpdir(), 'kafka-'))
  const run = (action: string, ...parameters: string[]) =>
    runAt(place, [script, action, '--dir', directory, ...parameters])
  const address = ['--host', place.host, '--port', String(port)]
  const up = () => run('up', ...address, '--heap', heap, '--rebalance-delay', String(rebalanceDelayMs))
  const down = () => run('down')
  await up()
  const bootstrapServers = (await readFile(join(directory, 'bootstrap-servers'), 'utf8')).trim()
  registerCodecs()
  const kafka = new Kafka({
    brokers: [bootstrapServers],
    clientId: 'test',
    logLevel: logLevel.NOTHING,
    socketFactory: ({ host, port, onConnect }) => place.connect(host, port).once('connect', onConnect),
  })
  const admin = kafka.admin()
  await admin.connect()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  let transactions = 0

  async function transactionalProducer(): Promise<Producer> {
    const created = kafka.producer({ transactionalId: `transaction-${transactions++}`, maxInFlightRequests: 1 })
    await created.connect()
    return created
  }

  /** One of its own: an admin looks for every topic that it was asked about, and fails once one of them is deleted. */
  async function withAdmin<T>(work: (own: Admin) => Promise<T>): Promise<T> {
    const own = kafka.admin()
    await own.connect()
    try {
      return await work(own)
    } finally {
      await own.disconnect()
    }
  }

  const messagesOf = (records: readonly ProducedRecord[], partition: number) =>
    records.map(({ key = null, value }) => ({ key, value, partition }))

  return {
    directory,
    bootstrapServers,
    kafka,
    admin,
    transactionalProducer,
    async createTopic(topic, numPartitions = 1, config = {}) {
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
      const topics = [{ topic, numPartitions, configEntries }]
      await withAdmin(async own => {
        // Its own wait fails where the broker has not heard yet of what the controller has made.
        await own.createTopics({ topics, waitForLeaders: false })
        const isLed = async () => {
          const [found] = (await own.fetchTopicMetadata({ topics: [topic] })).topics
          return found?.partitions.length === numPartitions && found.partitions.every(({ leader }) => leader >= 0)
        }
        await until(`${topic} has leaders`, () => isLed().catch(() => false))
      })
    },
    async deleteTopic(topic) {
      await withAdmin(async own => {
        // It looks at the cluster afterwards, and where that fails deletes again what is gone by then: nobody's failure.
        const failure = await own.deleteTopics({ topics: [topic] }).catch((error: unknown) => error)
        const isGone = async () => !(await own.listTopics()).includes(topic)
        await until(`${topic} is gone (${failure})`, () => isGone().catch(() => false))
      })
    },
    async deleteRecords(topic, partition, offset) {
      await withAdmin(async own => {
        // It finds the leaders only of topics that it has asked about.
        await own.fetchTopicOffsets(topic)
        await own.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
      })
    },
    async produce(topic, partition, records, codec = 'none') {
      await producer.send({ topic, compression: codecs[codec], messages: messagesOf(records, partition) })
    },
    async transact(topic, partition, records, end) {
      const transactional = await transactionalProducer()
      const transaction = await transactional.transaction()
      await transaction.send({ topic, messages: messagesOf(records, partition) })
      await transaction[end]()
      await transactional.disconnect()
    },
    halt: async () => void (await down()),
    resume: async () => void (await up()),
    async stop() {
      await Promise.all([admin.disconnect(), producer.disconnect()])
      await down()
      await rm(directory, { recursive: true })
    },
  }
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warning() {},
  error() {},
  critical() {},
  enabled: () => false,
}
