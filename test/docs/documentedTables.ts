/** The tables of the docs that repeat what the code declares: where each one stands, and the lines it must have. */

import { dataTypes } from '../../runtime/contract/dataTypes.ts'
import { halts } from '../../runtime/contract/halts.ts'
import { type MetricDefinition, metrics } from '../../runtime/contract/metrics.ts'
import { reasonsByType } from '../../runtime/contract/reasons.ts'
import type { Schema } from '../../runtime/iceberg/tableMetadata.ts'
import { errorsSchema, rawSchema } from '../../runtime/iceberg/tables.ts'
import { chartRules } from '../operator/operatorAccount.ts'

interface DocumentedTable {
  readonly file: string
  /** Heading that the table follows. */
  readonly heading: string
  readonly lines: readonly string[]
}

const line = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  line(...head),
  `|${'---|'.repeat(head.length)}`,
  ...rows.map(row => line(...row)),
]

const code = (text: string): string => `\`${text}\``

const columns = ({ fields }: Schema): string[] =>
  markdown(
    ['column', 'type', 'holds'],
    fields.map(({ name, type, required, doc }) => [
      code(name),
      `${typeof type === 'string' ? type : `map<${type.key}, ${type.value}>`}${required ? ', required' : ''}`,
      doc ?? '',
    ]),
  )

export const documentedTables: readonly DocumentedTable[] = [
  {
    file: 'docs/running.md',
    heading: 'Metrics',
    lines: markdown(
      ['metric', 'type', 'labels', 'counts or measures'],
      Object.values<MetricDefinition>(metrics).map(({ name, type, labels, help }) => [
        code(name),
        type,
        labels.map(code).join(', '),
        help,
      ]),
    ),
  },
  { file: 'docs/tables.md', heading: 'The raw table', lines: columns(rawSchema) },
  { file: 'docs/tables.md', heading: 'The errors table', lines: columns(errorsSchema) },
  {
    file: 'docs/tables.md',
    heading: 'Reasons',
    lines: markdown(
      ['error type', 'reasons'],
      Object.entries(reasonsByType).map(([type, reasons]) => [code(type), reasons.map(code).join(', ')]),
    ),
  },
  {
    file: 'docs/tables.md',
    heading: 'Data types',
    lines: markdown(
      ['data type', 'from', 'to', 'unit'],
      Object.entries(dataTypes).map(([name, { min, max, unit }]) => [code(name), String(min), String(max), unit]),
    ),
  },
  {
    file: 'docs/exactly-once.md',
    heading: 'Halts',
    lines: markdown(
      ['code', 'it means', 'what to do'],
      Object.entries(halts).map(([name, { meaning, fix }]) => [code(name), meaning, fix]),
    ),
  },
  {
    file: 'docs/security.md',
    heading: 'What the operator may do',
    lines: markdown(
      ['API group', 'resources', 'verbs'],
      (await chartRules('rules')).map(({ apiGroups, resources, verbs }) => [
        apiGroups.map(group => (group === '' ? 'core' : code(group))).join(', '),
        resources.map(code).join(', '),
        verbs.join(', '),
      ]),
    ),
  },
]
