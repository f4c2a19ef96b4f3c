/** Settings of S3 that no client can be made with, though they have the form that the schema asks for. Pure. */
import type { Problem } from '../../crds/problems.ts'
import { cut, type FieldPath, fieldName } from '../../crds/schemaPath.ts'

interface S3Settings {
  readonly endpoint?: string
  readonly region?: string
}

export function s3Problems({ endpoint, region }: S3Settings = {}): readonly Problem[] {
  return [
    // A port above 65535, or half an IPv6 address.
    ...(endpoint !== undefined && URL.parse(endpoint) === null
      ? [wrong('endpoint', endpoint, 'is no address', 'write https://host:port')]
      : []),
    // It becomes a part of a host name.
    ...(region !== undefined && /^-|-$/.test(region)
      ? [wrong('region', region, 'is no region', 'write a region such as eu-central-1')]
      : []),
  ]
}

function wrong(name: keyof S3Settings, value: string, what: string, fix: string): Problem {
  const path: FieldPath = ['spec', 'iceberg', 'storage', 's3', name]
  return { code: 'INVALID_FORMAT', path, field: fieldName(path), value: JSON.stringify(cut(value)), what, fix }
}
