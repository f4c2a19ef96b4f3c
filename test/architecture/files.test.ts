/** Where files lie, what they are called, how they begin and how long they are (rules.ts). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyNames, excusedLength, excusedNames, maxLines, topLevel } from './rules.ts'
import { files, isIn, textOf, typescriptFiles } from './tree.ts'

const sources = typescriptFiles.filter(file => !isIn(file, 'test'))
const linesOf = (file: string) => textOf(file).split('\n').length - 1

test('nothing unexpected lies at the top level', () => {
  const names = new Set(files.map(file => file.split('/')[0]!))
  assert.deepEqual(
    [...names].filter(name => !topLevel.includes(name)),
    [],
  )
})

test('every source begins by saying what it is', () => {
  const header = /^(?:#!.*\n)?\/\*\*[\s\S]{40,}?\*\//
  assert.deepEqual(
    sources.filter(file => !header.test(textOf(file))),
    [],
  )
})

test('names say what a file is for', () => {
  const isEmpty = (file: string) => file.split('/').some(part => emptyNames.test(part))
  assert.deepEqual(
    files.filter(file => isEmpty(file) && !excusedNames.includes(file)),
    [],
  )
})

test(`no source is longer than ${maxLines} lines, tables excepted`, () => {
  const long = sources.filter(file => linesOf(file) > maxLines)
  assert.deepEqual(
    long.filter(file => !(file in excusedLength)).map(file => `${file}: ${linesOf(file)}`),
    [],
  )
  assert.deepEqual(
    Object.keys(excusedLength).filter(file => !long.includes(file)),
    [],
    'excused without need',
  )
})
