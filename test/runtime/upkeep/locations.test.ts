import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isInside, LocationFilter, pathKey } from '../../../runtime/upkeep/locations.ts'
import fc from '../../properties.ts'

test('every spelling of one file is one path', () => {
  for (const spelled of ['s3://b/w/f', 's3a://b/w/f', 's3n://b/w/f', 's3a://b//w/f'])
    assert.equal(pathKey(spelled), '/w/f')
  for (const spelled of ['file:///w/f', 'file:/w/f', 'file://localhost/w/f', '/w/f'])
    assert.equal(pathKey(spelled), '/w/f')
  assert.notEqual(pathKey('s3://b/w/F'), pathKey('s3://b/w/f'))
  assert.equal(pathKey('file:///w/a=x%2Fy:z/f'), '/w/a=x%2Fy:z/f')
})

test('a folder holds what is below it, not what begins like it', () => {
  assert.ok(isInside('s3://b/w/raw/f', 's3a://b/w/raw/'))
  assert.ok(!isInside('s3://b/w/raw2/f', 's3://b/w/raw'))
})

test('a filter never denies what was added, and seldom claims what was not', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { minLength: 2 }), fc.string(), (locations, salt) => {
      const filter = new LocationFilter(salt)
      for (const location of locations) filter.add(`memory:///${location}`)
      for (const location of locations) assert.ok(filter.mayHave(`memory:///${location}`))
    }),
    { numRuns: 20 },
  )
  const filter = new LocationFilter('')
  for (let n = 0; n < 50_000; n++) filter.add(`/data/${n}`)
  let claimed = 0
  for (let n = 0; n < 50_000; n++) if (filter.mayHave(`/other/${n}`)) claimed++
  assert.ok(claimed < 5, `${claimed} claimed`)
})
