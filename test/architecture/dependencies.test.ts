/** package.json names what is needed and nothing else, each in one version (rules.ts). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dependencies, developmentDependencies } from './rules.ts'
import { importsOf, isIn, textOf, typescriptFiles } from './tree.ts'

interface Manifest extends Record<'dependencies' | 'devDependencies', Record<string, string>> {
  readonly name: string
}
const manifest: Manifest = JSON.parse(textOf('package.json'))
const needsDevelopment = (file: string) => isIn(file, 'test') || isIn(file, 'hack')

test('the dependencies are exactly those with a reason', () => {
  assert.deepEqual(Object.keys(manifest.dependencies), Object.keys(dependencies))
  assert.deepEqual(Object.keys(manifest.devDependencies), Object.keys(developmentDependencies))
})

test('every dependency is pinned to one version', () => {
  const pinned = { ...manifest.dependencies, ...manifest.devDependencies }
  assert.deepEqual(
    Object.entries(pinned).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  )
})

test('only declared packages are imported, and the program needs no development dependency', () => {
  const wrong = typescriptFiles.flatMap(file => {
    const declared = [
      ...Object.keys(dependencies),
      // Tests hold programs of users of this package as texts.
      ...(needsDevelopment(file) ? [manifest.name, ...Object.keys(developmentDependencies)] : []),
    ]
    return importsOf(file)
      .packages.filter(name => !declared.includes(name))
      .map(name => `${file} imports ${name}`)
  })
  assert.deepEqual(wrong, [])
})

test('the program imports every dependency', () => {
  const imported = new Set(
    typescriptFiles.filter(file => !needsDevelopment(file)).flatMap(file => importsOf(file).packages),
  )
  assert.deepEqual(
    Object.keys(dependencies).filter(name => !imported.has(name)),
    [],
  )
})

test('built-in modules are imported by their node: name', () => {
  const wrong = typescriptFiles.flatMap(file =>
    importsOf(file)
      .builtin.filter(name => !name.startsWith('node:'))
      .map(name => `${file} imports ${name}`),
  )
  assert.deepEqual(wrong, [])
})
