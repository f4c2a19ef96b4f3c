/** Whose series, rules and alerts doctor looks at in Prometheus. Pure. */

export type Labels = Readonly<Record<string, string>>

export interface Watched {
  /** Of the scrape configuration. */
  readonly job: string
  /** In a cluster, where the job is the name of a Service: one HealthConsumer, by the labels that the operator has set. */
  readonly resource?: { readonly namespace: string; readonly name: string }
}

/** Labels of each of its series. */
export const labelsOf = ({ job, resource }: Watched): Labels =>
  resource === undefined ? { job } : { namespace: resource.namespace, healthconsumer: resource.name }

/** `job flink-health-consumer`, `namespace health, healthconsumer steps`. */
export const shownLabels = (watched: Watched): string =>
  Object.entries(labelsOf(watched))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')

export const areOf = (watched: Watched, labels: Labels): boolean =>
  Object.entries(labelsOf(watched)).every(([name, value]) => labels[name] === value)

/** Of a rule or an alert, which may do without a label: none of them is another one's. */
export const mayConcern = (watched: Watched, labels: Labels): boolean =>
  Object.entries(labelsOf(watched)).every(([name, value]) => (labels[name] ?? value) === value)
