/**
 * The pipeline: source → decode and validate → write → commit, for as long as the source delivers. It holds one round of
 * rows in memory and the position of every assigned partition; what is durable, and where reading goes on, only the
 * commit protocol says. Any doubt (a jump, a failed flush, a moved table) ends in taking positions anew.
 */
import { HaltError } from './commit/halt.ts'
import type { TablesState } from './commit/protocol.ts'
import type { HaltCode } from './contract/halts.ts'
import { Intake } from './intake.ts'
import type { OffsetMap, SourceBatch, TopicPartition, TopicPartitionKey } from './kafka.ts'
import { topicPartitionKey } from './kafka.ts'
import type { PipelinePorts, PipelineSettings } from './pipelinePorts.ts'
import type { Round } from './round.ts'
import type { SourceHandler } from './source/source.ts'

export interface PartitionPosition extends TopicPartition {
  readonly next: number
  readonly highWatermark: number | null
  readonly committed: number
}

export interface Pipeline {
  /** Runs until `stop`, until the consumer dies (rejects); with targets, until they are durable or a halt. */
  run(): Promise<void>
  /** Stops intake, commits what is buffered if it can within the grace period, leaves the group. */
  stop(): Promise<void>
  readonly halt: HaltError | null
  readonly epoch: number
  readonly caughtUp: boolean
  readonly tables: TablesState | undefined
  positions(): readonly PartitionPosition[]
  /** Ends of partitions that were asked for beside the fetches, which tell nothing while intake is paused. */
  noteHighWatermarks(ends: OffsetMap): void
  readonly bufferedBytes: number
  /** Milliseconds since the epoch at which it last moved: positions, a batch, a flush, an audit. */
  readonly lastProgressMs: number
}

const tickMs = 100
const firstRoundMs = 500
const maxRetryMs = 30_000
/** Within a tenth of 1, for a number in [0, 1). */
const drawJitter = (drawn: number): number => 0.9 + 0.2 * drawn
/** Before metadata that lacks an assigned partition is asked for again. */
const staleMetadataMs = 1_000

/** Halts that show only while records are read. */
const foundByReading: ReadonlySet<HaltCode> = new Set(['TopicRecreated', 'InvalidRecord'])

type Phase = 'joining' | 'assigning' | 'running' | 'stopping'

export function createPipeline(settings: PipelineSettings, ports: PipelinePorts): Pipeline {
  const { source, protocol, observer } = ports
  const finished = Promise.withResolvers<void>()
  let phase: Phase = 'joining'
  let partitions: readonly TopicPartition[] = []
  const intake = new Intake(ports)
  const highWatermarks = new Map<TopicPartitionKey, number>()
  let tables: TablesState | undefined
  let halt: HaltError | null = null
  let epoch = 0
  /** Grows whenever positions are taken anew: work of an older generation must not touch the state. */
  let generation = 0
  let control = new AbortController()
  let firstRound = true
  /** Of the round that is being filled: pods that began together do not commit together for ever. */
  let jitter = drawJitter(ports.random())
  let flushingBytes = 0
  /** The flush or audit under way; there is one at a time. */
  let busy: Promise<void> | undefined
  let failures = 0
  let paused = false
  let lastAuditMs = ports.now()
  let lastProgressMs = ports.now()

  const bufferedBytes = () => (intake.round?.bufferedBytes ?? 0) + flushingBytes
  const intervalMs = () => (firstRound ? Math.min(firstRoundMs, settings.intervalMs) : settings.intervalMs * jitter)

  function caughtUp(): boolean {
    if (tables === undefined || tables.pendingIntents > 0) return false
    for (const [key, target] of settings.targets ?? []) if ((tables.offsets.get(key) ?? -1) < target) return false
    return true
  }

  /** Step 3 anew: everything buffered is dropped, and positions come from the tables. */
  function rewind(reason: string, options: { error?: unknown; graceMs?: number; delayMs?: number } = {}): void {
    if (phase === 'stopping') return
    if (reason !== 'assigned') observer.rewound(reason, options.error)
    phase = 'assigning'
    source.pause(partitions)
    paused = true
    void takePositions(++generation, options.graceMs ?? 0, options.delayMs ?? 0)
  }

  async function takePositions(mine: number, graceMs: number, delayMs: number): Promise<void> {
    await settle(graceMs)
    if (mine !== generation) return
    const { signal } = control
    try {
      if (delayMs > 0) await ports.sleep(delayMs, signal)
      const taken = await protocol.assign(partitions, signal)
      const state = await protocol.state()
      if (mine !== generation) return
      const missing = partitions.filter(({ topic, partition }) => !taken.has(topicPartitionKey(topic, partition)))
      if (missing.length > 0) {
        rewind('a partition appeared', { delayMs: staleMetadataMs })
        return
      }
      intake.begin(taken, state)
      tables = state
      // What only reading can find is over once what was read is durable.
      if (halt !== null && !foundByReading.has(halt.code)) endHalt()
      firstRound = true
      lastProgressMs = lastAuditMs = ports.now()
      observer.positioned()
      for (const partition of partitions) source.seek(partition, intake.startOf(partition)!)
      phase = 'running'
      paused = false
      source.resume(partitions)
    } catch (error) {
      if (mine !== generation || signal.aborted) return
      fail('positions', 'taking positions failed', error)
    }
  }

  /** Lets the work under way end, for `graceMs` at the most, then aborts it and drops the round. */
  async function settle(graceMs: number): Promise<void> {
    if (busy !== undefined && graceMs > 0) {
      const timeout = new AbortController()
      await Promise.race([busy, ports.sleep(graceMs, timeout.signal).catch(() => undefined)])
      timeout.abort()
    }
    control.abort()
    control = new AbortController()
    await busy
    intake.drop()
    observer.buffered(bufferedBytes())
  }

  function endHalt(): void {
    halt = null
    observer.halted(null)
  }

  /** Looked at again after ever longer pauses; a halt, which waits for a person, ends a run that would end by itself. */
  function fail(activity: 'positions' | 'rows', reason: string, error: unknown): void {
    failures++
    const delayMs = Math.min(maxRetryMs, 250 * 2 ** failures)
    if (!(error instanceof HaltError)) {
      observer.failed(activity, error)
      rewind(reason, { error, delayMs })
      return
    }
    if (halt?.code !== error.code) observer.halted(error)
    halt = error
    rewind(error.code, { error, delayMs })
    if (settings.targets !== undefined) finished.resolve()
  }

  function take(batch: SourceBatch): void {
    if (phase !== 'running' || batch.epoch !== epoch) return
    const key = topicPartitionKey(batch.topic, batch.partition)
    highWatermarks.set(key, batch.highWatermark)
    const nowMs = ports.now()
    const records = intake.take(batch, nowMs)
    if (records === undefined) {
      rewind(`${key} delivered ${batch.start} instead of ${intake.startOf(batch)}`)
      return
    }
    lastProgressMs = nowMs
    observer.consumed(batch, records, nowMs)
    observer.buffered(bufferedBytes())
    regulate()
  }

  /** Starts a flush that is due, and holds intake while too much is in memory. */
  function regulate(): void {
    if (phase !== 'running') return
    if (busy === undefined && intake.round !== undefined && isDue(intake.round)) busy = exclusively(flush)
    const waits = busy !== undefined && intake.round !== undefined && isFull(intake.round)
    const full = waits || bufferedBytes() >= settings.maxBufferedBytes
    if (full !== paused) {
      paused = full
      if (full) source.pause(partitions)
      else source.resume(partitions)
    }
  }

  const isFull = (it: Round) =>
    it.rows >= settings.maxRows ||
    it.bufferedBytes >= settings.maxBufferedBytes / 2 ||
    it.openPartitions >= settings.maxOpenPartitions

  const isDue = (it: Round) => isFull(it) || ports.now() - it.startedMs >= intervalMs() || reachesTargets()

  const reachesTargets = () =>
    settings.targets !== undefined &&
    [...intake.next()].every(([key, next]) => next >= (settings.targets?.get(key) ?? 0))

  async function exclusively(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = control
    const mine = generation
    try {
      await work(signal)
      failures = 0
      lastProgressMs = ports.now()
      if (work === flush && halt !== null) endHalt()
    } catch (error) {
      if (!signal.aborted && mine === generation) {
        if (work === flush) {
          observer.flushFailed(error)
          fail('rows', 'a flush failed', error)
        } else fail('positions', 'an audit failed', error)
      }
    } finally {
      flushingBytes = 0
      busy = undefined
      observer.buffered(bufferedBytes())
    }
    if (phase === 'running' && settings.targets !== undefined && caughtUp()) return finished.resolve()
    regulate()
  }

  async function flush(signal: AbortSignal): Promise<void> {
    const mine = generation
    const flushed = intake.release()!
    jitter = drawJitter(ports.random())
    flushingBytes = flushed.bufferedBytes
    const startedMs = ports.now()
    observer.flushing(flushed)
    const batch = await flushed.finish()
    const result = await protocol.commit(batch, signal)
    const bytes = [...batch.rawFiles, ...batch.errorFiles].reduce((sum, file) => sum + file.fileSizeInBytes, 0)
    const files = { raw: batch.rawFiles.length, errors: batch.errorFiles.length, bytes }
    observer.flushed(result, files, ports.now() - startedMs)
    tables = await protocol.state()
    firstRound = false
    if (result === 'moved' && mine === generation) rewind('the table moved on')
  }

  async function audit(signal: AbortSignal): Promise<void> {
    const mine = generation
    lastAuditMs = ports.now()
    const stands = await protocol.audit(intake.next(), partitions, signal)
    const state = await protocol.state()
    if (mine !== generation) return
    tables = state
    observer.positioned()
    if (!stands) rewind('the audit found other offsets')
  }

  async function tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await ports.sleep(tickMs, signal)
      regulate()
      const idle = phase === 'running' && busy === undefined && intake.round === undefined
      const waitMs =
        settings.targets === undefined ? settings.auditIntervalMs : Math.min(settings.auditIntervalMs, 1_000)
      if (idle && ports.now() - lastAuditMs >= waitMs) busy = exclusively(audit)
    }
  }

  return {
    async run() {
      const ticker = new AbortController()
      const ticking = tick(ticker.signal).catch(() => undefined)
      const handler: SourceHandler = {
        assigned(newEpoch, newPartitions) {
          epoch = newEpoch
          partitions = newPartitions
          observer.assigned(newPartitions)
          rewind('assigned', { graceMs: settings.graceMs })
        },
        rebalancing() {
          // The CAS makes a late commit harmless, so what is buffered goes out while the group settles.
          if (intake.round !== undefined && busy === undefined && phase === 'running') busy = exclusively(flush)
        },
        async batch(batch) {
          try {
            take(batch)
          } catch (error) {
            fail('rows', 'a batch failed', error)
          }
        },
        crashed: error => finished.reject(error),
      }
      try {
        // Together, for a consumer may die while it starts.
        await Promise.all([source.start(handler), finished.promise])
      } finally {
        ticker.abort()
        await ticking
      }
    },
    async stop() {
      const drain = phase === 'running'
      phase = 'stopping'
      generation++
      source.pause(partitions)
      const deadline = new AbortController()
      const timer = ports.sleep(settings.graceMs, deadline.signal).then(
        () => control.abort(),
        () => undefined,
      )
      // A port that never answers is waited for no longer than one that fails.
      await Promise.race([busy, timer])
      if (drain && intake.round !== undefined && !control.signal.aborted)
        await Promise.race([exclusively(flush), timer])
      deadline.abort()
      await timer
      control.abort()
      intake.drop()
      await source.stop()
      finished.resolve()
    },
    get halt() {
      return halt
    },
    get epoch() {
      return epoch
    },
    get caughtUp() {
      return caughtUp()
    },
    get tables() {
      return tables
    },
    get lastProgressMs() {
      return lastProgressMs
    },
    get bufferedBytes() {
      return bufferedBytes()
    },
    noteHighWatermarks(ends) {
      for (const [key, end] of ends) highWatermarks.set(key, end)
    },
    positions() {
      const next = intake.next()
      return partitions.map(({ topic, partition }) => {
        const key = topicPartitionKey(topic, partition)
        const committed = tables?.offsets.get(key) ?? 0
        return {
          topic,
          partition,
          next: next.get(key) ?? committed,
          highWatermark: highWatermarks.get(key) ?? null,
          committed,
        }
      })
    },
  }
}
