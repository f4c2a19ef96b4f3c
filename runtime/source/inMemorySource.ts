/**
 * A consumer of the in-memory Kafka: a member of an eager group, and the loop that delivers what its assignment wants.
 * It behaves to its handler as the real source does.
 */
import type { SourceBatch, TopicPartition } from '../kafka.ts'
import { Assignment } from './assignment.ts'
import type { PartitionOffset } from './fetchPartitions.ts'
import type { Source, SourceHandler } from './source.ts'
import { SourceError } from './sourceError.ts'

/** A fetch: undefined where there is nothing (yet) at that offset. A `start` elsewhere is a jump. */
export type Read = (at: PartitionOffset) => Pick<SourceBatch, 'start' | 'end' | 'records' | 'highWatermark'> | undefined

export interface GroupMember {
  readonly topics: readonly string[]
  mustJoin(): void
  wake(): void
  crash(error: Error): void
}

export interface InMemoryGroup {
  /** Makes the others join again too. */
  enter(member: GroupMember): void
  leave(member: GroupMember): void
  /** Resolves once every member has joined. */
  join(member: GroupMember): Promise<readonly TopicPartition[]>
}

export function createInMemorySource(group: InMemoryGroup, topics: readonly string[], read: Read): Source {
  let handler: SourceHandler
  let assignment = new Assignment(0, [])
  let mustJoin = false
  let stopped = false
  let running: Promise<void> | undefined
  let wake = () => {}

  const member: GroupMember = {
    topics,
    wake: () => wake(),
    mustJoin() {
      if (!mustJoin && assignment.epoch > 0) handler.rebalancing()
      mustJoin = true
      wake()
    },
    crash(error) {
      leave()
      handler.crashed(error)
    },
  }

  function leave(): void {
    stopped = true
    wake()
    group.leave(member)
  }

  async function run(): Promise<void> {
    while (!stopped) {
      if (mustJoin) await join()
      const at = assignment.wanted(() => true).find(wanted => read(wanted) !== undefined)
      if (mustJoin || stopped) continue
      if (at !== undefined) await deliver(at)
      else await new Promise<void>(resolve => (wake = resolve))
    }
  }

  async function join(): Promise<void> {
    mustJoin = false
    const partitions = await group.join(member)
    if (stopped || mustJoin) return
    assignment = new Assignment(assignment.epoch + 1, partitions)
    handler.assigned(assignment.epoch, partitions)
  }

  async function deliver(at: PartitionOffset): Promise<void> {
    // A turn of the event loop, in which a real fetch would be under way.
    await new Promise(resolve => setImmediate(resolve))
    const partition = assignment.expecting(at)
    const batch = read(at)
    if (stopped || mustJoin || partition === undefined || batch === undefined) return
    partition.next = batch.start === at.offset ? batch.end : undefined
    await handler.batch({ topic: at.topic, partition: at.partition, epoch: assignment.epoch, ...batch })
  }

  return {
    async start(given) {
      handler = given
      group.enter(member)
      running = run().catch((error: unknown) => {
        leave()
        handler.crashed(new SourceError('HANDLER_FAILED', 'a batch was not handled', error))
      })
    },
    seek(partition, offset) {
      assignment.seek(partition, offset)
      wake()
    },
    pause: partitions => assignment.setPaused(partitions, true),
    resume(partitions) {
      assignment.setPaused(partitions, false)
      wake()
    },
    async stop() {
      leave()
      await running
    },
  }
}
