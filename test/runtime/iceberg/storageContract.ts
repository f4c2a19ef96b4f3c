/** What every storage does alike: the tests of the port, for whichever implementation. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ReplacingStorage, Storage } from '../../../runtime/iceberg/storage.ts'

const listed = async (storage: Storage, folder: string): Promise<readonly [string, number][]> =>
  (await Array.fromAsync(storage.list(folder), file => [file.location, file.length] as [string, number])).sort()

/** The contract of the port. `root` is an empty folder. */
export function storageContract(name: string, storage: ReplacingStorage, root: () => string): void {
  describe(`${name} storage`, () => {
    test('a file is read as it was created, in folders that come with it', async () => {
      const location = `${root()}/a/b%2Fc/kind=x y/é.bin`
      const bytes = Buffer.from([0, 1, 255])
      await storage.create(location, bytes)
      bytes[0] = 9
      const read = await storage.read(location)
      assert.deepEqual(read, Buffer.from([0, 1, 255]))
      read[0] = 9
      assert.deepEqual(await storage.read(location), Buffer.from([0, 1, 255]))
      assert.equal(await storage.size(location), 3)
    })

    test('a file is never replaced, and one of many racing writers creates it', async () => {
      const location = `${root()}/race`
      const writers = Array.from({ length: 12 }, (_, writer) =>
        storage.create(location, Buffer.from(`writer ${writer}`)),
      )
      const outcomes = await Promise.allSettled(writers)
      const winners = outcomes.flatMap((outcome, writer) => (outcome.status === 'fulfilled' ? [writer] : []))
      assert.equal(winners.length, 1)
      assert.equal((await storage.read(location)).toString(), `writer ${winners[0]}`)
      for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'EXISTS')
    })

    test('what is not there has no size, is not read, and is deleted without a word', async () => {
      const location = `${root()}/nowhere/file`
      assert.equal(await storage.size(location), undefined)
      await assert.rejects(storage.read(location), { name: 'StorageError', code: 'NOT_FOUND', location })
      await storage.delete(location)
    })

    test('a listing names every file below the folder and no other', async () => {
      const files = [`${root()}/list/one`, `${root()}/list/deep/er/two`]
      for (const file of [...files, `${root()}/listed`, `${root()}/other/three`])
        await storage.create(file, Buffer.from('12'))
      assert.deepEqual(await listed(storage, `${root()}/list`), files.map(file => [file, 2] as [string, number]).sort())
      assert.deepEqual(await listed(storage, `${root()}/list/`), await listed(storage, `${root()}/list`))
      assert.deepEqual(await listed(storage, `${root()}/absent`), [])
    })

    test('a deleted file is gone and may be created again', async () => {
      const location = `${root()}/again`
      await storage.create(location, Buffer.from('1'))
      await storage.delete(location)
      assert.equal(await storage.size(location), undefined)
      await storage.create(location, Buffer.from('2'))
      assert.equal((await storage.read(location)).toString(), '2')
    })

    test('a hint is replaced whole', async () => {
      const location = `${root()}/hint`
      await storage.replace(location, Buffer.from('10'))
      await storage.replace(location, Buffer.from('9'))
      assert.equal((await storage.read(location)).toString(), '9')
    })
  })
}
