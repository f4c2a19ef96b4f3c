/**
 * Parses YAML or JSON text, and remembers the line of every field. One document of plain data: no aliases (they can
 * make a small file enormous), no tags, no duplicate keys. It knows nothing of the HealthConsumer.
 */
import { constructFromEvents, EVENT_ID, type Event, getScalarValue, parseEvents, YAMLException } from 'js-yaml'
import { type FieldPath, fieldName } from '../crds/schemaPath.ts'
import type { FailureCode } from './errors.ts'

/** Where a field stands, and where those inside it do. */
interface Position {
  /** Counted from 1. */
  readonly line: number
  readonly inside: Map<string | number, Position>
}

export interface YamlProblem {
  readonly code: FailureCode
  readonly line: number
  readonly what: string
  readonly fix: string
}

export interface ParsedYaml {
  /** The document; undefined where the text could not be parsed. */
  readonly value: unknown
  readonly problems: readonly YamlProblem[]
  /** Line of the field, or of the nearest one around it where it is missing. */
  readonly lineOf: (path: FieldPath) => number
}

export function parseYaml(source: string): ParsedYaml {
  try {
    const documents = documentsOf(parseEvents(source, {}))
    if (documents.length === 0) return failed([emptyFile])
    const { root, problems } = readPositions(source, documents[0]!)
    if (documents.length > 1) problems.push(severalDocuments(readPositions(source, documents[1]!).root.line))
    if (problems.some(problem => problem.code !== 'DUPLICATE_KEY')) return failed(problems)
    const [value] = constructFromEvents(documents[0]!, { source, json: true })
    return { value, problems, lineOf: path => lineOf(root, path) }
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    return failed([syntaxProblem(error)])
  }
}

/** More are not worth reading: a file of aliases has no end of them. */
const mostProblems = 100

const failed = (problems: readonly YamlProblem[]): ParsedYaml => ({
  value: undefined,
  problems: problems.slice(0, mostProblems),
  lineOf: () => 1,
})

/** The parser's reason without the words that it quotes from the file: one of them may be a password. */
function syntaxProblem(error: YAMLException): YamlProblem {
  const reason = error.reason.replace(/"[^"]*"|!<.*>|: .*$/g, '…')
  return {
    code: 'INVALID_YAML',
    line: (error.mark?.line ?? 0) + 1,
    what: `the file is no valid YAML: ${reason}`,
    fix: 'correct the syntax; indentation is spaces, and text with special characters is in quotes',
  }
}

function lineOf(root: Position, path: FieldPath): number {
  let position = root
  for (const segment of path) {
    const next = position.inside.get(segment)
    if (!next) break
    position = next
  }
  return position.line
}

/** The events of each document that holds something; a stray `---` makes an empty one. */
function documentsOf(events: readonly Event[]): Event[][] {
  const documents: Event[][] = []
  for (const event of events) {
    if (event.type === EVENT_ID.DOCUMENT) documents.push([])
    documents.at(-1)!.push(event)
  }
  const empty = (node: Event | undefined) =>
    node === undefined || node.type === EVENT_ID.POP || (node.type === EVENT_ID.SCALAR && node.valueStart < 0)
  return documents.filter(document => !empty(document[1]))
}

/** Walks the events of a document once, in the order of the text. */
function readPositions(source: string, events: readonly Event[]) {
  const problems: YamlProblem[] = []
  const lineAt = lineCounter(source)
  let next = 1

  function node(path: FieldPath, lineAbove: number): Position {
    const event = events[next++]!
    const position: Position = { line: lineAt(offsetOf(event)) ?? lineAbove, inside: new Map() }
    if (event.type === EVENT_ID.ALIAS)
      problems.push(notPlain(path, position.line, 'is an alias', 'write the value out'))
    if ('tagStart' in event && event.tagStart >= 0)
      problems.push(notPlain(path, position.line, 'has a tag', 'remove the tag; text is written in quotes'))
    if (event.type === EVENT_ID.SEQUENCE) {
      for (let index = 0; !atEnd(); index++) position.inside.set(index, node([...path, index], position.line))
    }
    if (event.type === EVENT_ID.MAPPING) while (!atEnd()) field(path, position)
    return position
  }

  /** True once the collection is read, with its end taken. */
  function atEnd(): boolean {
    if (events[next]!.type !== EVENT_ID.POP) return false
    next++
    return true
  }

  function field(path: FieldPath, object: Position): void {
    const key = events[next]!
    const name = key.type === EVENT_ID.SCALAR ? getScalarValue(source, key) : ''
    const { line } = node(path, object.line)
    if (key.type !== EVENT_ID.SCALAR || name === '__proto__')
      problems.push(notPlain(path, line, 'has a key that is no name', 'use plain text as key'))
    const fieldPath = [...path, name]
    if (object.inside.has(name)) problems.push(duplicateKey(fieldPath, line))
    object.inside.set(name, { ...node(fieldPath, line), line })
  }

  return { root: node([], 1), problems }
}

/** Line of an offset, counted from 1; offsets are asked for in ascending order, a negative one has none. */
function lineCounter(source: string): (offset: number) => number | undefined {
  let line = 1
  let lineEnd = source.indexOf('\n')
  return offset => {
    if (offset < 0) return undefined
    for (; lineEnd >= 0 && lineEnd < offset; line++) lineEnd = source.indexOf('\n', lineEnd + 1)
    return line
  }
}

function offsetOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart
  if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING) return event.start
  return event.type === EVENT_ID.ALIAS ? event.anchorStart : -1
}

const notPlain = (path: FieldPath, line: number, what: string, fix: string): YamlProblem => ({
  code: 'INVALID_YAML',
  line,
  what: `${fieldName(path)} ${what}`,
  fix,
})

const duplicateKey = (path: FieldPath, line: number): YamlProblem => ({
  code: 'DUPLICATE_KEY',
  line,
  what: `${fieldName(path)} is given twice`,
  fix: 'keep one of them',
})

const emptyFile: YamlProblem = {
  code: 'EMPTY_FILE',
  line: 1,
  what: 'the file holds nothing',
  fix: 'write a HealthConsumer into it, as in examples/minimal.yaml',
}

const severalDocuments = (line: number): YamlProblem => ({
  code: 'SEVERAL_DOCUMENTS',
  line,
  what: 'the file holds several documents',
  fix: 'keep one HealthConsumer in each file',
})
