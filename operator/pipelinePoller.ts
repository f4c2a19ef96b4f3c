/**
 * Asks the pods of every consumer how the pipeline stands, by their `/status`, again and again. It tells when a shown
 * value has changed, at most once a minute for a consumer, or at once when a halt, a trouble or ignorance of the lag
 * begins or ends. It never asks the API server.
 */
import { get as httpGet } from 'node:http'
import type { RuntimeStatus } from '../runtime/contract/status.ts'
import { metricsPort } from './desired/child.ts'
import { type PipelineFacts, pipelineFacts } from './pipelineFacts.ts'
import type { PodFacts } from './workload.ts'

export interface PollerPorts {
  /** Consumers that have pods: `namespace/name`. */
  keys(): Iterable<string>
  pods(key: string): readonly PodFacts[]
  /** `/status` of one pod; rejects where it does not answer. */
  ask(address: string, signal: AbortSignal): Promise<RuntimeStatus>
  /** Called when the facts of a consumer are worth a new status. */
  changed(key: string): void
  /** Milliseconds since the epoch. */
  now(): number
}

/** Values are written this often at most, lest thousands of consumers keep the API server busy. */
const quietMs = 60_000
/** Consumers asked at a time. */
const width = 16

interface Told {
  readonly text: string
  /** Code of a halt or a trouble, or that the lag is not known. */
  readonly fault: string | undefined
  readonly atMs: number
}

export class PipelinePoller {
  readonly #ports: PollerPorts
  readonly #facts = new Map<string, PipelineFacts>()
  readonly #told = new Map<string, Told>()

  constructor(ports: PollerPorts) {
    this.#ports = ports
  }

  facts(key: string): PipelineFacts | undefined {
    return this.#facts.get(key)
  }

  /** One round over all consumers. Never rejects. */
  async round(signal: AbortSignal): Promise<void> {
    const keys = [...this.#ports.keys()]
    const present = new Set(keys)
    for (const key of this.#facts.keys()) if (!present.has(key)) this.#forget(key)
    const next = keys.values()
    const worker = async () => {
      for (const key of next) {
        if (signal.aborted) return
        await this.#poll(key, signal)
      }
    }
    await Promise.all(Array.from({ length: width }, worker))
  }

  async #poll(key: string, signal: AbortSignal): Promise<void> {
    const pods = this.#ports.pods(key).filter(({ terminating }) => !terminating)
    const addresses = pods.flatMap(({ address }) => address ?? [])
    const answers = await Promise.allSettled(addresses.map(address => this.#ports.ask(address, signal)))
    if (signal.aborted) return
    const statuses = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
    const facts = pipelineFacts(statuses, pods.length, new Date(this.#ports.now()).toISOString())
    this.#facts.set(key, facts)
    const { observedAt: _, ...shown } = facts.status
    const text = JSON.stringify({ shown, answered: facts.answered, asked: facts.asked, idle: facts.idle })
    const fault = facts.halt?.code ?? facts.trouble?.code ?? (facts.status.lag === undefined ? 'unknown' : undefined)
    const told = this.#told.get(key)
    if (told?.text === text && told.fault === fault) return
    if (told !== undefined && told.fault === fault && this.#ports.now() - told.atMs < quietMs) return
    this.#told.set(key, { text, fault, atMs: this.#ports.now() })
    this.#ports.changed(key)
  }

  #forget(key: string): void {
    this.#facts.delete(key)
    this.#told.delete(key)
  }
}

const timeoutMs = 3_000
const mostBytes = 1 << 20

/** Asks a pod over plain HTTP; `port` is the metrics port. */
export function askPod(address: string, signal: AbortSignal, port = metricsPort): Promise<RuntimeStatus> {
  const host = address.includes(':') ? `[${address}]` : address
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  return new Promise((resolve, reject) => {
    const request = httpGet(`http://${host}:${port}/status`, { signal: limit, agent: false }, response => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > mostBytes) request.destroy(new Error(`${address} answers more than ${mostBytes} bytes`))
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`${address} answers ${response.statusCode}`))
        try {
          resolve(runtimeStatus(JSON.parse(String(Buffer.concat(chunks)))))
        } catch (error) {
          reject(error)
        }
      })
    })
    request.on('error', reject)
  })
}

/** A pod may run another version: what the status is made of is checked, the rest taken as it is. */
function runtimeStatus(value: unknown): RuntimeStatus {
  const status = value as RuntimeStatus
  const usable =
    Array.isArray(status?.partitions) &&
    typeof status.epoch === 'number' &&
    typeof status.rates?.validRows === 'number' &&
    typeof status.rates.invalidRows === 'number' &&
    status.tables?.raw !== undefined &&
    status.tables.errors !== undefined
  if (!usable) throw new Error('an answer that is no status of a consumer')
  return { ...status, halt: status.halt ?? null, trouble: status.trouble ?? null }
}
