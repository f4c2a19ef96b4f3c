import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseYaml } from '../../cli/yaml.ts'
import fc from '../properties.ts'

test('every field has the line of its key, every item its own', () => {
  const { value, problems, lineOf } = parseYaml(
    '# a comment\na: 1\nb:\n  - x: 1\n\n    y: |\n      text\n  - {p: 1,\n     q: 2}\nc:\nd: [1,\n  2]\r\n"e": 3\n',
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(value, {
    a: 1,
    b: [
      { x: 1, y: 'text\n' },
      { p: 1, q: 2 },
    ],
    c: null,
    d: [1, 2],
    e: 3,
  })
  const lines: [number, (string | number)[]][] = [
    [2, ['a']],
    [3, ['b']],
    [4, ['b', 0]],
    [4, ['b', 0, 'x']],
    [6, ['b', 0, 'y']],
    [8, ['b', 1, 'p']],
    [9, ['b', 1, 'q']],
    [10, ['c']],
    [11, ['d', 0]],
    [12, ['d', 1]],
    [13, ['e']],
    [3, ['b', 7, 'missing']],
    [2, []],
  ]
  for (const [line, path] of lines) assert.equal(lineOf(path), line, path.join('.'))
})

/** Plain data as JSON.stringify indents it: one line for each field and item. */
test('JSON of any shape gives the same data, and the line of each field', () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof({ maxDepth: 4 }, leaf, tie('object'), fc.array(tie('tree'), { minLength: 1, maxLength: 3 })),
    object: fc.dictionary(
      fc.string().filter(key => key !== '__proto__'),
      tie('tree'),
      { minKeys: 1, maxKeys: 4, noNullPrototype: true },
    ),
  }))
  fc.assert(
    fc.property(tree, value => {
      const source = JSON.stringify({ value }, null, '\t')
      const parsed = parseYaml(source)
      assert.deepEqual(parsed.problems, [])
      assert.deepEqual(parsed.value, { value })
      let line = 1
      const visit = (inner: unknown, path: (string | number)[]) => {
        assert.equal(parsed.lineOf(path), line, source)
        if (typeof inner !== 'object' || inner === null) return
        for (const [key, item] of Object.entries(inner)) {
          line++
          visit(item, [...path, Array.isArray(inner) ? Number(key) : key])
        }
        line++
      }
      visit({ value }, [])
    }),
  )
})

for (const [name, source, expected] of [
  ['a syntax error', 'a: 1\nb: [1\nc: 2\n', [['INVALID_YAML', 3]]],
  ['a tab as indentation', 'a:\n\tb: 1\n', [['INVALID_YAML', 2]]],
  ['an empty text', '', [['EMPTY_FILE', 1]]],
  ['comments only', '# nothing\n---\n', [['EMPTY_FILE', 1]]],
  ['two documents', 'a: 1\n---\n# second\nb: 2\n', [['SEVERAL_DOCUMENTS', 4]]],
  [
    'duplicate keys',
    'a: 1\nb:\n  c: 1\n  c: 2\na: 2\n',
    [
      ['DUPLICATE_KEY', 4],
      ['DUPLICATE_KEY', 5],
    ],
  ],
  ['an alias', 'a: &x 1\nb: *x\n', [['INVALID_YAML', 2]]],
  ['a recursive alias', 'a: &x [*x]\n', [['INVALID_YAML', 1]]],
  ['a tag', 'a: !!binary aGk=\n', [['INVALID_YAML', 1]]],
  ['a key that is a list', '? [a]\n: 1\n', [['INVALID_YAML', 1]]],
  ['the key __proto__', 'a: 1\n__proto__: {b: 1}\n', [['INVALID_YAML', 2]]],
  ['deep nesting', '['.repeat(100_000), [['INVALID_YAML', 1]]],
  ['a null byte', 'a: \0\n', [['INVALID_YAML', 1]]],
] as const)
  test(`${name} is told with its line`, () => {
    const { problems } = parseYaml(source)
    assert.deepEqual(
      problems.map(({ code, line }) => [code, line]),
      expected,
    )
  })

test('an alias bomb is refused at once and at bounded length', () => {
  const lines = ['a0: &a0 [x]']
  for (let n = 1; n < 1000; n++) lines.push(`a${n}: &a${n} [*a${n - 1}, *a${n - 1}]`)
  const { value, problems } = parseYaml(lines.join('\n'))
  assert.equal(value, undefined)
  assert.equal(problems.length, 100)
})

test('an empty document beside the real one does not count', () => {
  const { value, problems, lineOf } = parseYaml('---\na: 1\n---\n')
  assert.deepEqual([value, problems, lineOf(['a'])], [{ a: 1 }, [], 2])
})

test('the text of the file is not quoted in a problem: it may be a password', () => {
  for (const source of [
    'p: *hunter2',
    'p: !hunter2 x',
    'p: !h!hunter2 x',
    'p: !hunter2!h x',
    'p: !<tag:hunter2> x',
    '%TAG hunter2 b\n---\na: 1',
    'p: "hunter2',
    "p: '\\hunter2",
    'p: [hunter2',
    'p: hunter2: x',
  ])
    assert.doesNotMatch(JSON.stringify(parseYaml(source).problems), /hunter2/, source)
})
