/**
 * Metrics of the process itself: heap, processor and network under the contract's names, and prom-client's own process
 * and Node metrics. Read at each scrape; nothing runs in between.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { collectDefaultMetrics, type Registry } from 'prom-client'
import { metrics } from '../contract/metrics.ts'
import { counter, gauge } from './instruments.ts'

export function registerProcessMetrics(registry: Registry): void {
  gauge(metrics.heapUsed, registry, function () {
    this.set(getHeapStatistics().used_heap_size)
  })
  gauge(metrics.heapMax, registry, function () {
    this.set(getHeapStatistics().heap_size_limit)
  })
  const cpuLoad = createCpuLoad()
  gauge(metrics.cpuLoad, registry, function () {
    this.set(cpuLoad())
  })
  counter(metrics.networkReceive, registry, function () {
    this.reset()
    this.inc(networkOctets().received)
  })
  counter(metrics.networkTransmit, registry, function () {
    this.reset()
    this.inc(networkOctets().sent)
  })
  collectDefaultMetrics({ register: registry })
}

/** Processor time used since the previous call over what was available, 0..1. */
function createCpuLoad(): () => number {
  let usedBefore = process.cpuUsage()
  let timeBefore = process.hrtime.bigint()
  let load = 0
  return () => {
    const used = process.cpuUsage()
    const time = process.hrtime.bigint()
    const availableMicros = (Number(time - timeBefore) / 1000) * availableParallelism()
    if (availableMicros > 0) {
      load = Math.min(1, (used.user - usedBefore.user + used.system - usedBefore.system) / availableMicros)
    }
    usedBefore = used
    timeBefore = time
    return load
  }
}

/**
 * IP octets of the network namespace, from the IpExt lines of /proc/self/net/netstat: what Prometheus' own client for Go
 * exports under the same two names. Node keeps no count over all sockets. Zero where the file is missing.
 */
export function networkOctets(): { received: number; sent: number } {
  try {
    return parseNetstat(readFileSync('/proc/self/net/netstat', 'utf8'))
  } catch {
    return { received: 0, sent: 0 }
  }
}

/** Exported for its test. Each protocol is a line of names followed by a line of values. */
export function parseNetstat(text: string): { received: number; sent: number } {
  const [names = [], values = []] = text
    .split('\n')
    .filter(line => line.startsWith('IpExt:'))
    .map(line => line.split(' '))
  const octets = (name: string) => Number(values[names.indexOf(name)] ?? 0)
  return { received: octets('InOctets'), sent: octets('OutOctets') }
}
