/** Records of members: only those of provably dead processes of the same group and host count. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { createMemberRecords } from '../../../runtime/source/memberRecords.ts'

suite('member records', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'members-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const group = 'team a/group'
  const module = join(import.meta.dirname, '../../../runtime/source/memberRecords.ts')

  /** A process that joins and ends without leaving. */
  function dieAs(memberId: string, groupId = group): void {
    const call = `createMemberRecords(${JSON.stringify(folder)}, ${JSON.stringify(groupId)}).joined('${memberId}')`
    const program = `import { createMemberRecords } from ${JSON.stringify(module)}; ${call}`
    execFileSync(process.execPath, ['--input-type=module', '--eval', program])
  }

  function alter(change: (record: Record<string, unknown>) => void): void {
    const path = join(folder, readdirSync(folder)[0]!)
    const record = JSON.parse(readFileSync(path, 'utf8'))
    change(record)
    writeFileSync(path, JSON.stringify(record))
  }

  test('name the members of dead processes of the group, until these have left', async () => {
    dieAs('first')
    dieAs('second')
    dieAs('stranger', 'another group')
    const records = createMemberRecords(folder, group)
    assert.deepEqual([...(await records.dead())].sort(), ['first', 'second'])
    await records.left(['first'])
    assert.deepEqual(await records.dead(), ['second'])
    assert.deepEqual(await createMemberRecords(folder, 'another group').dead(), ['stranger'])
  })

  test('hold this process for alive, under its newest member id only', async () => {
    const records = createMemberRecords(folder, group)
    records.joined('old')
    records.joined('new')
    assert.deepEqual(await records.dead(), [])
    assert.match(readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8'), /"new"/)
    await records.left(['new'])
    assert.deepEqual(readdirSync(folder), [])
  })

  test('see that a process id was given to another process', async () => {
    const records = createMemberRecords(folder, group)
    records.joined('before')
    alter(record => {
      record.startedAt = 'another boot/1'
    })
    assert.deepEqual(await records.dead(), ['before'])
  })

  test('leave processes of other hosts alone', async () => {
    dieAs('elsewhere')
    alter(record => {
      record.host = 'another-host'
    })
    assert.deepEqual(await createMemberRecords(folder, group).dead(), [])
  })

  test('pass over what is no record', async () => {
    dieAs('dead')
    const [name] = readdirSync(folder)
    writeFileSync(join(folder, name!.replace(/\d+/, '0')), 'cut off {')
    assert.deepEqual(await createMemberRecords(folder, group).dead(), ['dead'])
  })
})
