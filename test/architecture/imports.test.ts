/** Who may import whom, and who may read the environment (rules.ts). */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { mayImport, mayReadEnvironment } from './rules.ts'
import { codeOf, files, importsOf, isIn, typescriptFiles } from './tree.ts'

/** The entry of `mayImport` that the file lies in. */
const layerOf = (file: string): string | undefined =>
  Object.keys(mayImport)
    .filter(layer => isIn(file, layer))
    .sort((a, b) => b.length - a.length)[0]

const matches = (file: string, part: string) =>
  part.endsWith('/*') ? path.dirname(file) === part.slice(0, -2) : isIn(file, part)

test('every file belongs to a layer', () => {
  assert.deepEqual(
    typescriptFiles.filter(file => layerOf(file) === undefined),
    [],
  )
})

test('imports run in the direction of the layers', () => {
  const wrong = typescriptFiles.flatMap(file => {
    const layer = layerOf(file) ?? file
    const allowed = [layer, ...(mayImport[layer] ?? [])]
    const bad = importsOf(file).own.filter(target => !allowed.some(part => matches(target, part)))
    return bad.map(target => `${file} imports ${target}`)
  })
  assert.deepEqual(wrong, [])
})

test('imports name files that exist', () => {
  const wrong = typescriptFiles.flatMap(file =>
    importsOf(file)
      .own.filter(target => !files.includes(target))
      .map(target => `${file} imports ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('imports form no cycle', () => {
  const done = new Set<string>()
  const visit = (file: string, above: readonly string[]): string[] => {
    if (above.includes(file)) return [[...above.slice(above.indexOf(file)), file].join(' → ')]
    if (done.has(file)) return []
    const cycles = importsOf(file)
      .own.filter(target => target.endsWith('.ts'))
      .flatMap(target => visit(target, [...above, file]))
    done.add(file)
    return cycles
  }
  assert.deepEqual(
    typescriptFiles.flatMap(file => visit(file, [])),
    [],
  )
})

test('the environment is read only where programs begin', () => {
  assert.deepEqual(
    typescriptFiles.filter(file => /\bprocess\.env\b/.test(codeOf(file)) && !mayReadEnvironment.test(file)),
    [],
  )
})
