/** README of the chart: what it is, and a table of its values made from values.yaml and the comments in it. Pure text. */
import { load } from 'js-yaml'

const introduction = `# healthconsumer-operator

Written by \`hack/generate\` from values.yaml: change it there.

The operator of HealthConsumers, with its CustomResourceDefinition, rights, and what watches it. It renders nothing that the
operator makes for a HealthConsumer. [Installing](../../docs/install.md), [upgrading](../../docs/upgrade.md),
[GitOps](../../docs/gitops.md), [security](../../docs/security.md), [the operator](../../docs/operator.md).

\`\`\`text
helm install healthconsumer-operator charts/healthconsumer-operator --namespace healthconsumer-system --create-namespace
\`\`\`

Helm refuses a value that is not here, and one of the wrong type.

| value | default | meaning |
|---|---|---|
`

interface Value {
  readonly path: string
  readonly comment: string
}

/** The keys of a YAML text that have values of their own, with the comment above each. */
export function documentedValues(text: string): readonly Value[] {
  const values: Value[] = []
  const parents: { readonly indent: number; readonly key: string }[] = []
  let comment: string[] = []
  for (const line of text.split('\n')) {
    const [, space = '', remark, key, inline] = /^( *)(?:# ?(.*)|([\w]+):(.*))?$/.exec(line) ?? []
    if (remark !== undefined) comment.push(remark)
    else if (key === undefined) comment = []
    else {
      while ((parents.at(-1)?.indent ?? -1) >= space.length) parents.pop()
      parents.push({ indent: space.length, key })
      // A map without a comment is described by what is in it.
      if (inline!.trim() !== '' || comment.length > 0)
        values.push({ path: parents.map(each => each.key).join('.'), comment: comment.join(' ') })
      comment = []
    }
  }
  // What lies in a value that has a comment is part of that value.
  return values.filter(({ path }) => !values.some(other => other.comment !== '' && path.startsWith(`${other.path}.`)))
}

export function chartReadme(text: string): string {
  const defaults = load(text)
  const rows = documentedValues(text).map(({ path, comment }) => {
    const value = path
      .split('.')
      .reduce<unknown>((inner, key) => (inner as Readonly<Record<string, unknown>>)[key], defaults)
    return `| \`${path}\` | \`${JSON.stringify(value)}\` | ${comment.replaceAll('|', '\\|')} |`
  })
  return `${introduction}${rows.join('\n')}\n`
}
