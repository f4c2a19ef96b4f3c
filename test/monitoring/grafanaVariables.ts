/** What Grafana does with a query of the dashboard before Prometheus sees it: variables become text. */
import { allValue, type FilterLabel, filterLabels } from '../../monitoring/dashboard/queries.ts'

/**
 * The query as Prometheus gets it, with All chosen of each label that `values` does not name. `rateInterval` is what
 * Grafana makes of a scrape interval of 15 s.
 */
export function withVariables(
  expr: string,
  values: Partial<Readonly<Record<FilterLabel, string>>> = {},
  rateInterval = '1m',
): string {
  const replacements: Readonly<Record<string, string>> = {
    ...Object.fromEntries(filterLabels.map(label => [label, values[label] ?? allValue(label)])),
    __rate_interval: rateInterval,
  }
  return expr.replaceAll(/\$(\w+)/g, (_, name: string) => {
    const replacement = replacements[name]
    if (replacement === undefined) throw new Error(`the dashboard has no variable ${name}: ${expr}`)
    return replacement
  })
}
