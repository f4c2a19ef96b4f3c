/** Pure code stays pure (rules.ts). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { impure, pure, pureImports } from './rules.ts'
import { codeOf, importsOf, isIn, typescriptFiles } from './tree.ts'

const pureFiles = typescriptFiles.filter(file => pure.some(part => isIn(file, part)))

test('every entry of the list of pure code names something', () => {
  assert.deepEqual(
    pure.filter(part => !typescriptFiles.some(file => isIn(file, part))),
    [],
  )
})

test('pure code imports nothing that does anything', () => {
  const wrong = pureFiles.flatMap(file => {
    const { builtin, packages } = importsOf(file)
    return [...builtin, ...packages].filter(name => !pureImports.includes(name)).map(name => `${file} imports ${name}`)
  })
  assert.deepEqual(wrong, [])
})

for (const [what, expression] of Object.entries(impure))
  test(`pure code does not use ${what}`, () => {
    assert.deepEqual(
      pureFiles.filter(file => expression.test(codeOf(file))),
      [],
    )
  })
