/** The metadata of a table just created from a definition. For tests of what needs a loaded table but no catalog. */
import type { TableDefinition } from '../../../runtime/iceberg/catalog.ts'
import type { TableMetadata } from '../../../runtime/iceberg/tableMetadata.ts'

export const tableOf = ({ schema, spec, properties }: TableDefinition): TableMetadata => ({
  'format-version': 2,
  'table-uuid': '00000000-0000-4000-8000-000000000000',
  location: 'memory:///warehouse/table',
  'last-sequence-number': 0,
  'last-updated-ms': 0,
  'last-column-id': 19,
  'current-schema-id': schema['schema-id'],
  schemas: [schema],
  'default-spec-id': spec['spec-id'],
  'partition-specs': [spec],
  'last-partition-id': 1001,
  'default-sort-order-id': 0,
  'sort-orders': [],
  properties,
  refs: {},
  snapshots: [],
  'snapshot-log': [],
  'metadata-log': [],
})
