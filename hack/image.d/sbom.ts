/**
 * Makes npm's list of the packages in the image (CycloneDX, stdin to stdout) the same for the same packages, and adds the
 * Node that runs them. It looks at no package itself.
 *
 *   npm sbom --sbom-format=cyclonedx | node hack/image.d/sbom.ts
 */
import { createHash } from 'node:crypto'
import { text } from 'node:stream/consumers'

/** https://cyclonedx.org/docs/1.5/json/, as far as it is looked at. */
interface Bom {
  serialNumber?: string
  metadata: { timestamp?: string; component: { 'bom-ref': string; name: string } }
  components: object[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

const node = {
  'bom-ref': `node@${process.versions.node}`,
  type: 'platform',
  name: 'node',
  version: process.versions.node,
  purl: `pkg:generic/node@${process.versions.node}`,
  licenses: [{ license: { id: 'MIT' } }],
}

const bom = JSON.parse(await text(process.stdin)) as Bom
// npm takes the folder's.
bom.metadata.component.name = 'healthconsumer'
const program = bom.dependencies.find(({ ref }) => ref === bom.metadata.component['bom-ref'])
bom.components.push(node)
program!.dependsOn.push(node['bom-ref'])
bom.dependencies.push({ ref: node['bom-ref'], dependsOn: [] })
// The time is left out, and npm's random number replaced. A UUID of version 8 holds whatever its maker likes, RFC 9562 section 5.8.
delete bom.metadata.timestamp
delete bom.serialNumber
const [a, b, c, d, e] = createHash('sha256')
  .update(JSON.stringify(bom))
  .digest('hex')
  .match(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})/)!
  .slice(1)
bom.serialNumber = `urn:uuid:${a}-${b}-8${c}-8${d}-${e}`
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`)
