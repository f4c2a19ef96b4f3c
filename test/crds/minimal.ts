/** The least HealthConsumer that is valid, for tests that change one field of it. */
export const minimal = () => ({
  apiVersion: 'healthdata.dev/v1alpha1',
  kind: 'HealthConsumer',
  metadata: { name: 'minimal' },
  spec: {
    kafka: { bootstrapServers: ['127.0.0.1:9092'] },
    iceberg: { catalog: { type: 'filesystem', warehouse: 'file:///data/warehouse' } },
  },
})

type Tree = Record<string, unknown>

/** The minimal HealthConsumer with values at dotted paths; undefined removes the field. */
export function minimalWith(changes: Readonly<Record<string, unknown>>): unknown {
  const resource = minimal()
  for (const [path, value] of Object.entries(changes)) {
    const segments = path.split('.')
    const last = segments.pop()!
    let object: Tree = resource
    for (const segment of segments) {
      object[segment] ??= {}
      object = object[segment] as Tree
    }
    if (value === undefined) delete object[last]
    else object[last] = value
  }
  return resource
}
