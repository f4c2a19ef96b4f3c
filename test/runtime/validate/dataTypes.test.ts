/** The type table is data that others rely on: bounds in order, and no spelling that could mean two units. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataTypeRules, dataTypes, unitAliases, unitSpellings } from '../../../runtime/contract/dataTypes.ts'

test('29 types are known, each with a range and a unit that has its list of spellings', () => {
  assert.equal(Object.keys(dataTypes).length, 29)
  for (const [name, { min, max, unit }] of Object.entries(dataTypes)) {
    assert.ok(min >= 0 && min < max, name)
    assert.ok(unit in unitAliases, name)
  }
})

test('a spelling belongs to one unit only', () => {
  const spellings = Object.entries(unitAliases).flatMap(([unit, aliases]) => [unit, ...aliases])
  assert.equal(new Set(spellings).size, spellings.length)
})

test('an alias names the same spellings as its unit', () => {
  assert.deepEqual(unitSpellings('bpm'), unitSpellings('count/min'))
  assert.ok(unitSpellings('°C').has('Cel'))
  assert.deepEqual([...unitSpellings('mmol/L')], ['mmol/L'])
})

test('an override changes what it names and nothing else', () => {
  const rules = dataTypeRules({ heartRate: { max: 300 }, constructor: { min: 1 } })
  assert.deepEqual(rules.get('heartRate'), { min: 30, max: 300, unit: 'count/min' })
  assert.deepEqual(rules.get('steps'), dataTypes.steps)
  assert.deepEqual(rules.get('constructor'), { min: 1, max: undefined, unit: undefined })
  assert.equal(rules.size, 30)
})
