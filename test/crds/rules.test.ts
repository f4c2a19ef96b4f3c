import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { immutable, withRules } from '../../crds/rules.ts'

const range = withRules(z.strictObject({ min: z.number(), max: z.number() }), [
  {
    cel: 'self.min <= self.max',
    what: 'is above max',
    fix: 'lower it',
    reads: ['min', 'max'],
    at: 'min',
    check: self => self.min <= self.max,
  },
])

const messages = (input: unknown) => range.safeParse(input).error?.issues.map(issue => issue.message) ?? []

test('a broken rule is an issue at its field', () => {
  const [issue] = range.safeParse({ min: 2, max: 1 }).error!.issues
  assert.deepEqual(issue?.path, ['min'])
  assert.equal(issue?.message, 'is above max: lower it')
})

test('a rule is asked beside an unknown field, and not while a field that it reads is wrong', () => {
  assert.deepEqual(messages({ min: 2, max: 1, other: 0 }).length, 2)
  assert.deepEqual(messages({ min: 2, max: 'a' }).length, 1)
  assert.deepEqual(messages('nothing').length, 1)
})

test('the CRD gets the same rule, with its message and field', () => {
  assert.deepEqual(range.meta(), {
    'x-kubernetes-validations': [
      { rule: 'self.min <= self.max', message: 'is above max: lower it', fieldPath: '.min' },
    ],
  })
})

test('an immutable field is neither changed, nor added, nor dropped', () => {
  const { check } = immutable<{ readonly uri?: string }>('uri', 'no')
  assert.equal(check({ uri: 'a' }), true)
  assert.equal(check({ uri: 'a' }, { uri: 'a' }), true)
  assert.equal(check({}, {}), true)
  assert.equal(check({ uri: 'b' }, { uri: 'a' }), false)
  assert.equal(check({ uri: 'b' }, {}), false)
  assert.equal(check({}, { uri: 'a' }), false)
})
