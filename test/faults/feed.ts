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
  /** Sends what is under way, then no more. Rejects where a record could not be sent. */
  stop(): Promise<void>
}

export interface FeedOptions {
  readonly topic: string
  readonly payloads: PayloadOptions
  /** Sent before it resolves. */
  readonly backlog: number
}

function messagesOf(options: PayloadOptions, from: number, count: number) {
  return Array.from({ length: count }, (_, at) => {
    const { key, value } = createPayload(options, from + at)
    const payload = { key, value, headers: { [numberHeader]: String(from + at) } }
    return (from + at) % tombstoneEvery === 0 ? [{ key, value: null }, payload] : [payload]
  }).flat()
}

export async function startFeed(broker: TestBroker, { topic, payloads, backlog }: FeedOptions): Promise<Feed> {
  const producer = broker.kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  let sent = 0
  let stopped = false

  async function send(count: number): Promise<void> {
    await producer.send({ topic, messages: messagesOf(payloads, sent, count) })
    sent += count
  }

  async function grow(): Promise<void> {
    while (!stopped) {
      await send(perRound)
      await delay(roundMs)
    }
  }

  if (backlog > 0) await send(backlog)
  const growing = grow()
  growing.catch(() => undefined) // Told by `stop`.
  return {
    get payloads() {
      return sent
    },
    async stop() {
      stopped = true
      await growing.finally(() => producer.disconnect())
    },
  }
}

/** Sends so many payloads and no more. */
export async function feedOnce(broker: TestBroker, options: FeedOptions): Promise<void> {
  const feed = await startFeed(broker, options)
  await feed.stop()
}
