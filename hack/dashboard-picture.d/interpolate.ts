/**
 * Writes values into a query's variables, as Grafana does before it asks Prometheus. Pure.
 * https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/#global-variables
 */
import type { Dashboard } from '../../monitoring/dashboard.ts'

/** For a dashboard on which All is chosen everywhere. Throws for a variable that it does not have. */
export function interpolate(expression: string, { templating }: Dashboard, rateInterval: string): string {
  const values = new Map(templating.list.map(({ name, allValue }) => [name, allValue]))
  values.set('__rate_interval', rateInterval)
  return expression.replace(/\$(\w+)/g, (written, name: string) => {
    const value = values.get(name)
    if (value === undefined) throw new Error(`${written} has no value in: ${expression}`)
    return value
  })
}
