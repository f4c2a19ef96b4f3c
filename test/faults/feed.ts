/**
 * Keeps a topic growing with generated payloads, now and then a tombstone between them, until it is told to stop. Each
 * record says in a header which payload it is, so that whoever reads the topic knows what must become of it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Partitioners } from 'kafkajs'
import { createPayload, type PayloadOptions } from '../../cli/payloads.ts'
import type { TestBroker } from '../kafka/broker.ts'

export const numberHeader = 'number'
const perRound = 12
const roundMs = 60
const tombstoneEvery = 41

export interface Feed {
  /** Payloads acknowledged so far. */
  readonly payloads: number
  /** The tombstones too: the sum of the ends of the topic's partitions. */
  readonly records: number
  /** Resolves once so many more are in the topic. */
  send(count: number): Promise<void>
  /** Sends without end, some 200 a second. */
  grow(): void
  /** Sends what is under way, then no more. Rejects where a record could not be sent. */
  stop(): Promise<void>
}

function messagesOf(options: PayloadOptions, from: number, count: number) {
  return Array.from({ length: count }, (_, at) => {
    const { key, value } = createPayload(options, from + at)
    const payload = { key, value, headers: { [numberHeader]: String(from + at) } }
    return (from + at) % tombstoneEvery === 0 ? [{ key, value: null }, payload] : [payload]
  }).flat()
}

export async function createFeed(broker: TestBroker, topic: string, payloads: PayloadOptions): Promise<Feed> {
  const producer = broker.kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  let sent = 0
  let records = 0
  let stopped = false
  let growing: Promise<void> | undefined

  async function send(count: number): Promise<void> {
    const messages = messagesOf(payloads, sent, count)
    await producer.send({ topic, messages })
    sent += count
    records += messages.length
  }

  async function sendOn(): Promise<void> {
    while (!stopped) {
      await send(perRound)
      await delay(roundMs)
    }
  }

  return {
    get payloads() {
      return sent
    },
    get records() {
      return records
    },
    send,
    grow() {
      growing = sendOn()
      growing.catch(() => undefined) // Told by `stop`.
    },
    async stop() {
      stopped = true
      await Promise.resolve(growing).finally(() => producer.disconnect())
    },
  }
}
