import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from '../../crds/nearest.ts'

const choices = ['startFrom', 'topics', 'tls', 'sasl', 'onGap']

for (const [word, expected] of [
  ['startForm', 'startFrom'],
  ['STARTFROM', 'startFrom'],
  ['topic', 'topics'],
  ['tsl', 'tls'],
  ['gap', undefined],
  ['x', undefined],
  ['', undefined],
  ['s'.repeat(1000), undefined],
] as const)
  test(`${word.slice(0, 12) || 'nothing'} is near ${expected}`, () => assert.equal(nearest(word, choices), expected))
