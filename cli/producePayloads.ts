/**
 * Sends generated payloads to a topic, each exactly once, and tells what an exact consumer must find there. It creates
 * the topic where there is none, and never changes one that is there. It prints nothing: whoever calls it gets events.
 *
 * One request holds one partition's records, and the producer is idempotent: a request that is repeated because its
 * answer got lost has the same sequence numbers and the same records, so that the broker drops the repetition.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import type { KafkaCredentials } from '../runtime/source/credentials.ts'
import { tlsContext } from '../runtime/tlsContext.ts'
import { createPayload, type Payload, type PayloadOptions } from './payloads.ts'
import { createRetry, type Retry } from './produceRetry.ts'

export interface ProduceOptions extends PayloadOptions {
  readonly bootstrapServers: readonly string[]
  readonly credentials?: KafkaCredentials
  readonly topic: string
  /** Of the topic, where it is created. */
  readonly partitions: number
  readonly payloads: number
  /** Payloads a second; as fast as possible without. */
  readonly rate?: number
  /** How long one request may fail and be tried again before the work fails. */
  readonly timeoutMs: number
}

export interface ProduceEvents {
  /** Payloads that Kafka has acknowledged. */
  progress?(payloads: number): void
  /** Something failed and is tried again. */
  warning?(message: string): void
}

export interface ProduceReport {
  readonly topic: string
  readonly payloads: number
  /** Rows that an exact consumer finds: valid + invalid. A payload that cannot be decoded is one. */
  readonly samples: number
  readonly valid: number
  readonly invalid: number
  readonly invalidByReason: Readonly<Record<string, number>>
  /** Exact: every value is a multiple of 1/8. */
  readonly valueSum: number
  readonly seed: number
  readonly seconds: number
}

/** Rejects with ProduceError. */
export async function producePayloads(options: ProduceOptions, events: ProduceEvents = {}): Promise<ProduceReport> {
  const startedMs = performance.now()
  const { tls, sasl } = options.credentials ?? {}
  const kafka = new Kafka({
    clientId: 'healthconsumer-produce',
    brokers: [...options.bootstrapServers],
    ssl: tls && { secureContext: tlsContext(tls) },
    // kafkajs writes into what it is given.
    sasl: sasl && { ...sasl },
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  })
  const retry = createRetry(options.bootstrapServers, options.timeoutMs, events.warning ?? (() => {}))
  const partitions = await ensureTopic(kafka.admin(), options, retry)
  // The least that kafkajs allows an idempotent producer; failures beyond it are repeated, and told, by `retry`.
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 1 },
  })
  try {
    await retry(() => producer.connect())
    const tally = await sendAll(options, createBatches(producer, options.topic, partitions, retry), events)
    return { ...tally, topic: options.topic, seed: options.seed, seconds: (performance.now() - startedMs) / 1000 }
  } finally {
    await producer.disconnect()
  }
}

/** Resolves with the topic's number of partitions, each of which has a leader. */
async function ensureTopic(admin: Admin, { topic, partitions }: ProduceOptions, retry: Retry): Promise<number> {
  try {
    return await retry(async () => {
      await admin.connect()
      const existing = await admin.listTopics()
      if (!existing.includes(topic)) await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]!.partitions.length
    })
  } finally {
    await admin.disconnect()
  }
}

interface Batches {
  add(payload: Payload): Promise<void>
  flush(): Promise<void>
  readonly acknowledged: number
}

/** Well below the largest record batch that a broker takes by default (`message.max.bytes`, 1 MiB). */
const batchBytes = 512 * 1024

function createBatches(producer: Producer, topic: string, partitions: number, retry: Retry): Batches {
  const partitionOf = createPartitionOf(topic, partitions)
  const batches = Array.from({ length: partitions }, emptyBatch)
  let acknowledged = 0

  /** One request of a partition at a time: it is under way while the next payloads are made. */
  async function send(partition: number): Promise<void> {
    const batch = batches[partition]!
    await batch.sent
    if (batch.payloads.length === 0) return
    const messages = batch.payloads.map(({ key, value }) => ({ key, value, partition }))
    const sent = retry(() => producer.send({ topic, acks: -1, messages })).then(() => {
      acknowledged += messages.length
    })
    batches[partition] = { ...emptyBatch(), sent }
    // Whoever awaits `sent` next is told; until then a failure is not unhandled.
    sent.catch(() => {})
  }

  return {
    async add(payload) {
      const partition = partitionOf(payload.key)
      if (batches[partition]!.bytes + payload.value.length > batchBytes) await send(partition)
      const batch = batches[partition]!
      batch.payloads.push(payload)
      batch.bytes += payload.value.length
    },
    async flush() {
      for (let partition = 0; partition < partitions; partition++) await send(partition)
      await Promise.all(batches.map(batch => batch.sent))
    },
    get acknowledged() {
      return acknowledged
    },
  }
}

interface Batch {
  readonly payloads: Payload[]
  bytes: number
  /** The partition's last request. */
  readonly sent: Promise<void>
}

const emptyBatch = (): Batch => ({ payloads: [], bytes: 0, sent: Promise.resolve() })

/** Kafka's own choice by key (murmur2), so that a device's payloads stay in order whoever produces them. */
function createPartitionOf(topic: string, partitions: number): (key: string) => number {
  const choose = Partitioners.DefaultPartitioner()
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 0,
    replicas: [],
    isr: [],
  }))
  return key => choose({ topic, partitionMetadata, message: { key, value: null } })
}

type Tally = Omit<ProduceReport, 'topic' | 'seed' | 'seconds'>

async function sendAll(options: ProduceOptions, batches: Batches, events: ProduceEvents): Promise<Tally> {
  const { payloads, rate } = options
  const invalidByReason: Record<string, number> = {}
  const tally = { payloads, samples: 0, valid: 0, invalid: 0, invalidByReason, valueSum: 0 }
  const startedMs = performance.now()
  // Ten steps a second where a rate is asked for.
  const step = rate === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(rate / 10))
  for (let index = 0; index < payloads; index++) {
    const payload = createPayload(options, index)
    count(payload, tally)
    await batches.add(payload)
    if ((index + 1) % step === 0) {
      await batches.flush()
      await sleep(Math.max(0, startedMs + ((index + 1) / rate!) * 1000 - performance.now()))
    }
    events.progress?.(batches.acknowledged)
  }
  await batches.flush()
  events.progress?.(batches.acknowledged)
  return tally
}

function count({ valid, invalid, valueSum }: Payload, tally: { -readonly [field in keyof Tally]: Tally[field] }): void {
  tally.samples += valid + invalid.length
  tally.valid += valid
  tally.invalid += invalid.length
  tally.valueSum += valueSum
  const byReason = tally.invalidByReason as Record<string, number>
  for (const reason of invalid) byReason[reason] = (byReason[reason] ?? 0) + 1
}
