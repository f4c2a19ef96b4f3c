import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PathRules, pathRules, tablePath } from '../../../../runtime/iceberg/rest/paths.ts'
import fc from '../../../properties.ts'

/** As servers do it: the segment is split before its levels are decoded, and `+` is a space to some. */
function decoded(path: string, { separator }: PathRules): readonly string[] {
  const [, namespace, table] = /\/namespaces\/([^/]+)\/tables\/([^/]+)$/.exec(new URL(`http://host${path}`).pathname)!
  const plain = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))
  return [...namespace!.split(separator).map(plain), plain(table!)]
}

const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => text !== '.' && text !== '..')

test('every name comes out at the server as it went in, whatever the separator', () => {
  fc.assert(
    fc.property(
      fc.array(name, { minLength: 1, maxLength: 3 }),
      name,
      fc.constantFrom('%1F', '%2E', '\u001f', '|'),
      (namespace, table, separator) => {
        const rules = pathRules({ 'namespace-separator': separator })
        // A control character may be the separator itself.
        fc.pre(!namespace.some(level => encodeURIComponent(level).includes(rules.separator)))
        assert.deepEqual(decoded(tablePath(rules, { namespace, name: table }), rules), [...namespace, table])
      },
    ),
  )
})

test('a prefix stands in the path as the server spells it', () => {
  const of = (prefix: string) => tablePath(pathRules({ prefix }), { namespace: ['n'], name: 't' })
  assert.equal(of('arn%3Aaws%2Fb'), '/v1/arn%3Aaws%2Fb/namespaces/n/tables/t')
  assert.equal(of('/catalogs/my lake?/'), '/v1/catalogs/my%20lake%3F/namespaces/n/tables/t')
  assert.equal(of(''), '/v1/namespaces/n/tables/t')
})

test('names that no path can hold are refused', () => {
  const rules = pathRules({})
  for (const table of ['', '.', '..', '\ud800'])
    assert.throws(() => tablePath(rules, { namespace: ['n'], name: table }), { code: 'DENIED' })
  assert.throws(() => tablePath(rules, { namespace: ['a\u001fb'], name: 't' }), {
    code: 'DENIED',
    message: /separator %1F/,
  })
  assert.throws(() => pathRules({ 'namespace-separator': '' }), { code: 'DENIED' })
})
