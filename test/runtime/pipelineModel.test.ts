/**
 * Pipelines under random trouble: rebalances, pods that come and go, dead consumers, full storage, catalogs that fail or
 * wait, other engines. Once the trouble is over every sample is in one table, once, nothing halted and all can be stopped.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CatalogError } from '../../runtime/iceberg/catalog.ts'
import { StorageError } from '../../runtime/iceberg/storage.ts'
import fc from '../properties.ts'
import { errorsTable, group, rawTable } from './commit/lake.ts'
import { PipelineWorld, type Started, topic } from './pipelineWorld.ts'

const long = process.env.HC_TEST_LONG === '1'
const partitions = [0, 1]

class Trouble {
  private readonly world = new PipelineWorld(partitions.length)
  private running: Started[] = []
  private readonly all: Started[] = []
  private release: (() => void) | undefined
  private samples = 0

  async run(tape: readonly number[]): Promise<void> {
    this.start()
    for (const number of tape) await this.step(number % 14, Math.floor(number / 14))
    await this.calm()
  }

  private start(): void {
    const pipeline = { intervalMs: 2_000, maxRows: 5, auditIntervalMs: 20_000, graceMs: 3_000 }
    const started = this.world.start({ pipeline })
    this.running.push(started)
    this.all.push(started)
  }

  private async step(kind: number, drawn: number): Promise<void> {
    const { world } = this
    const partition = drawn % partitions.length
    switch (kind) {
      case 0:
      case 1:
      case 2: {
        const ids = Array.from({ length: (drawn % 3) + 1 }, () => `${drawn % 4 === 0 ? 'bad' : 's'}${this.samples++}`)
        return world.produce(partition, ...ids)
      }
      case 3:
      case 4:
        return world.clock.pass(100 * (drawn % 10))
      case 5:
        return world.clock.pass(1_000 * (drawn % 15))
      case 6:
        return world.kafka.rebalance(group)
      case 7:
        world.storageError = world.storageError
          ? undefined
          : new StorageError('NO_SPACE', 'memory:///w', 'cannot write')
        return
      case 8:
        world.catalogError = world.catalogError ? undefined : new CatalogError('UNAVAILABLE', '503')
        return
      case 9:
        await world.lake.compact(partition === 0 ? rawTable : errorsTable)
        return
      case 10:
        if (this.release === undefined) this.release = world.hold()
        else this.letGo()
        return
      case 11:
        return world.kafka.leaveGap(topic, partition, 1)
      case 12:
        return this.comeAndGo(drawn)
      case 13:
        world.kafka.crash(group, new Error('the consumer died'))
        this.running = []
        return this.start()
    }
  }

  private async comeAndGo(drawn: number): Promise<void> {
    if (this.running.length < 3) return this.start()
    const [leaving] = this.running.splice(drawn % this.running.length, 1)
    if (drawn % 2 === 0) await this.world.stop(leaving!)
    else void leaving!.pipeline.stop()
  }

  private letGo(): void {
    this.release?.()
    this.release = undefined
  }

  private async calm(): Promise<void> {
    const { world } = this
    this.letGo()
    world.storageError = undefined
    world.catalogError = undefined
    const ends = await world.kafka.positions(group).watermarks(partitions.map(partition => ({ topic, partition })))
    for (const partition of partitions) await world.untilCommitted(ends.get(`${topic}:${partition}`)!.high, partition)
    await world.clock.pass(60_000)
    await world.assertExactlyOnce()
    const halts = this.all.flatMap(({ events }) => events.filter(event => event.startsWith('halted')))
    assert.deepEqual(halts, [])
    await world.end()
    await world.clock.pass(1_000)
    assert.equal(world.clock.waiting, 0, 'nothing is tried after a stop')
  }
}

test('whatever happens to pipelines, the tables hold every sample once', async () => {
  const tape = fc.array(fc.nat(14 * 60 - 1), { minLength: 10, maxLength: 60 })
  const property = fc.asyncProperty(tape, numbers => new Trouble().run(numbers))
  await fc.assert(property, { numRuns: long ? 300 : 60, endOnFailure: true })
})
