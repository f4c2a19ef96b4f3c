import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { UpkeepStep } from '../../../runtime/contract/upkeep.ts'
import type { UpkeepPorts, UpkeepSettings } from '../../../runtime/upkeep/ports.ts'
import { rawTable } from '../commit/lake.ts'
import { day, hour, lostAnswer, UpkeepWorld } from './world.ts'

const minute = 60_000

interface Look {
  readonly atMs: number
  readonly what: string
}

class Background {
  readonly world = new UpkeepWorld()
  fails = false

  /** Runs upkeep for so long, whose time passes only while it sleeps; what it told, and when. */
  async run(lastsMs: number, changes: Partial<UpkeepSettings> = {}, ports: Partial<UpkeepPorts> = {}) {
    const told: Look[] = []
    const stop = new AbortController()
    let atMs = 0
    const note = (what: string) => (step: UpkeepStep) => void told.push({ atMs, what: `${what} ${step}` })
    const faults = { before: () => (this.fails ? lostAnswer() : undefined) }
    const upkeep = this.world.upkeep(changes, faults, {
      now: () => atMs,
      async sleep(ms: number) {
        atMs += ms
        if (atMs > lastsMs) stop.abort()
        stop.signal.throwIfAborted()
      },
      random: () => 0.5,
      observer: { done: note('done'), failed: note('failed') },
      ...ports,
    })
    await upkeep.run(stop.signal)
    return { told, at: (what: string) => told.filter(look => look.what === what).map(look => look.atMs) }
  }
}

suite('the background', () => {
  test('looks every ten minutes or so, and lists files once a day', async () => {
    const background = new Background()
    await background.world.commits(1)
    const { at, told } = await background.run(50 * hour, { ownsMetadataFiles: true })
    assert.deepEqual(at('done expiry').slice(0, 3), [10 * minute, 20 * minute, 30 * minute])
    assert.deepEqual(at('done metadata'), at('done expiry'))
    assert.deepEqual(at('done orphans'), [hour, 25 * hour, 49 * hour])
    assert.ok(told.every(({ what }) => what.startsWith('done')))
  })

  test('is jittered, lest pods that started together look together', async () => {
    const first = async (random: number) => {
      const background = new Background()
      await background.world.commits(1)
      return (await background.run(hour, {}, { random: () => random })).at('done expiry')[0]
    }
    assert.deepEqual([await first(0), await first(0.9)], [5 * minute, 14 * minute])
  })

  test('expires, and removes no orphans where the manifest says so', async () => {
    const background = new Background()
    await background.world.commits(8)
    const { told } = await background.run(2 * hour, { orphanRemoval: { enabled: false, minAgeMs: 2 * day } })
    assert.equal((await background.world.snapshots(rawTable)).length, 3)
    assert.deepEqual(new Set(told.map(({ what }) => what)), new Set(['done expiry']))
  })

  test('leaves little alone, because every manifest list is read for it', async () => {
    const background = new Background()
    await background.world.commits(12)
    const before = await background.world.snapshots(rawTable)
    await background.run(hour, { retention: { maxAgeMs: 7 * day, maxCount: before.length - 1 } })
    assert.deepEqual(await background.world.snapshots(rawTable), before)
    await background.run(hour, { retention: { maxAgeMs: 7 * day, maxCount: before.length - 2 } })
    assert.equal((await background.world.snapshots(rawTable)).length, before.length - 2)
  })

  test('tells what fails and tries it again, listing all files not before an hour', async () => {
    const background = new Background()
    await background.world.commits(8)
    background.fails = true
    const { at, told } = await background.run(3.5 * hour)
    assert.equal(at('failed expiry').length, 21)
    assert.deepEqual(at('failed orphans'), [hour, 2 * hour, 3 * hour])
    assert.ok(told.every(({ what }) => what.startsWith('failed')))
    background.fails = false
    assert.equal((await background.run(15 * minute)).at('done expiry').length, 1)
  })

  test('holds still in a pod that is not to do it', async () => {
    const background = new Background()
    await background.world.commits(8)
    background.world.mayAct = false
    const { told } = await background.run(2 * hour)
    assert.deepEqual([told, background.world.calls], [[], []])
  })

  test('ends when it is told to, in the middle of its work', async () => {
    const background = new Background()
    await background.world.commits(8)
    const stop = new AbortController()
    const upkeep = background.world.upkeep({}, { before: call => call === 'commit raw' && stop.abort() })
    await upkeep.run(stop.signal)
    assert.deepEqual(background.world.deleted, [])
    await background.world.assertIntact()
  })
})
