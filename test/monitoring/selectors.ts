/** The vector selectors of a PromQL expression, for tests of queries. It does not check the syntax; promtool does. */

export interface Selector {
  readonly metric: string
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[]
  /** Of a range vector. */
  readonly window?: string
  /** The function that the selector is the first argument of. */
  readonly call?: string
}

const clause = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g
const text = /"(?:\\.|[^"\\])*"/.source
const name = /(?<![\w.$])([a-zA-Z_:][\w:]*)/.source
const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'on', 'inf', 'nan'])

export function selectors(expression: string): Selector[] {
  const expr = expression.replaceAll(clause, '')
  const pattern = new RegExp(`${text}|${name}(?!\\s*\\(|[\\w:])(\\{(?:${text}|[^"}])*\\})?(?:\\[([^\\]]*)\\])?`, 'g')
  return [...expr.matchAll(pattern)].flatMap(({ 1: metric, 2: braces = '', 3: window, index }) => {
    if (metric === undefined || keywords.has(metric.toLowerCase())) return []
    const call = /(\w+)\s*\(\s*$/.exec(expr.slice(0, index))?.[1]
    return [{ metric, matchers: matchers(braces), ...(window !== undefined && { window }), ...(call && { call }) }]
  })
}

const matchers = (braces: string) =>
  [...braces.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*("(?:\\.|[^"\\])*")/g)].map(([, label, operator, value]) => ({
    label: label!,
    operator: operator!,
    value: JSON.parse(value!) as string,
  }))

/** The labels that a result is grouped by, over all aggregations of the expression. */
export const groupings = (expression: string): readonly string[][] =>
  [...expression.matchAll(/\bby\s*\(([^)]*)\)/g)].map(([, list]) => list!.split(',').map(label => label.trim()))
