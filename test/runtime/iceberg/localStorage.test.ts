import assert from 'node:assert/strict'
import nodeFiles, { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { type Files, localStorage, locationOf, pathOf } from '../../../runtime/iceberg/localStorage.ts'
import type { StorageErrorCode } from '../../../runtime/iceberg/storage.ts'
import { counting } from './fixtures.ts'

const folder = await mkdtemp(`${tmpdir()}/local-storage-`)
after(() => rm(folder, { recursive: true }))

const failure = (code: string): Error => Object.assign(new Error(code), { code })

/** Real files, of which writing fails as on a full disk, or the syncing of a folder as on a failing one. */
function failing(code: string, step: 'write' | 'syncFolder'): Files {
  return {
    ...nodeFiles,
    open: async (path, flags) => {
      const handle = await nodeFiles.open(path, flags)
      if (step === 'write' && flags === 'wx')
        handle.writeFile = async () => {
          await handle.write(Buffer.from('half'))
          throw failure(code)
        }
      if (step === 'syncFolder' && flags === 'r') handle.sync = () => Promise.reject(failure(code))
      return handle
    },
  }
}

test('a location is its path as it stands: nothing is decoded, Hadoop and plain spellings are understood', () => {
  assert.equal(pathOf('file:///w/kind=a%2Fb/x y#é'), '/w/kind=a%2Fb/x y#é')
  assert.equal(pathOf(locationOf('/w/%25')), '/w/%25')
  for (const location of ['file:/w/a', 'file://localhost/w/a', '/w/a']) assert.equal(pathOf(location), '/w/a')
  for (const location of ['w/a', 's3://bucket/a', 'file://host/w', 'file:////w', 'file:///a\0', ''])
    assert.throws(() => pathOf(location), { code: 'NOT_FOUND' })
})

test('a percent sign in a location is one in the file name', async () => {
  await localStorage(counting()).create(`${locationOf(folder)}/percent/kind=a%2Fb`, Buffer.from('1'))
  assert.deepEqual(await readdir(`${folder}/percent`), ['kind=a%2Fb'])
})

const writeFailures: readonly [string, StorageErrorCode][] = [
  ['ENOSPC', 'NO_SPACE'],
  ['EDQUOT', 'NO_SPACE'],
  ['EROFS', 'READ_ONLY'],
  ['EACCES', 'DENIED'],
  ['EPERM', 'DENIED'],
  ['EIO', 'UNAVAILABLE'],
  ['EWEIRD', 'UNAVAILABLE'],
]
for (const [code, expected] of writeFailures)
  test(`a write that fails with ${code} is ${expected}, leaves nothing behind, and works once the cause is gone`, async () => {
    const path = `${folder}/full-${code}`
    const location = `${locationOf(path)}/file`
    const storage = localStorage(counting(), failing(code, 'write'))
    await assert.rejects(storage.create(location, Buffer.from('whole')), error => {
      assert.ok(error instanceof Error && 'code' in error && 'location' in error)
      assert.equal(error.code, expected)
      assert.equal(error.location, location)
      assert.match(error.message, new RegExp(code))
      assert.ok(error.cause instanceof Error)
      return true
    })
    assert.deepEqual(await readdir(path), [])
    await localStorage(counting()).create(location, Buffer.from('whole'))
    assert.equal(await readFile(`${path}/file`, 'utf8'), 'whole')
  })

test('a file whose folder cannot be synced is reported as doubtful and stays', async () => {
  await nodeFiles.mkdir(`${folder}/doubt`)
  const storage = localStorage(counting(), failing('EIO', 'syncFolder'))
  await assert.rejects(storage.create(`${locationOf(folder)}/doubt/file`, Buffer.from('whole')), {
    code: 'UNAVAILABLE',
  })
  assert.deepEqual(await readdir(`${folder}/doubt`), ['file'])
})

test('a failed replacement leaves the old bytes', async () => {
  const location = `${locationOf(folder)}/replaced/hint`
  await localStorage(counting()).replace(location, Buffer.from('1'))
  await assert.rejects(localStorage(counting(), failing('ENOSPC', 'write')).replace(location, Buffer.from('2')), {
    code: 'NO_SPACE',
  })
  assert.deepEqual(await readdir(`${folder}/replaced`), ['hint'])
  assert.equal(await readFile(`${folder}/replaced/hint`, 'utf8'), '1')
})

test('a folder without write permission is DENIED', async () => {
  const path = `${folder}/denied`
  await nodeFiles.mkdir(path)
  await chmod(folder, 0o755)
  await chmod(path, 0o555)
  const root = process.geteuid?.() === 0
  // Root may write anywhere, so root becomes nobody for a moment.
  if (root) process.seteuid?.(65534)
  try {
    await assert.rejects(localStorage(counting()).create(`${locationOf(path)}/file`, Buffer.from('1')), {
      code: 'DENIED',
    })
  } finally {
    if (root) process.seteuid?.(0)
  }
  await chmod(path, 0o755)
  await localStorage(counting()).create(`${locationOf(path)}/file`, Buffer.from('1'))
})

test('a file in the place of a folder is an error of its own, never a wrong answer', async () => {
  await writeFile(`${folder}/plain`, 'x')
  const storage = localStorage(counting())
  const location = `${locationOf(folder)}/plain/file`
  await assert.rejects(storage.create(location, Buffer.from('1')), { name: 'StorageError', location })
  await assert.rejects(storage.read(location), { code: 'NOT_FOUND' })
  assert.equal(await storage.size(location), undefined)
})
