/**
 * Makes npm's list of the packages in the image (CycloneDX, stdin to stdout) the same for the same packages, and adds the
 * Node that runs them and the Debian packages of BASE, the root file system that the image starts from. It looks at no npm
 * package itself, and reads nothing of BASE but dpkg's lists and os-release.
 *
 *   npm sbom --sbom-format=cyclonedx | node hack/image.d/sbom.ts BASE
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** https://cyclonedx.org/docs/1.5/json/, as far as it is looked at. */
interface Bom {
  serialNumber?: string
  metadata: { timestamp?: string; component: { 'bom-ref': string; name: string } }
  components: Component[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

export interface Component {
  readonly 'bom-ref': string
  readonly type: string
  readonly name: string
  readonly version: string
  readonly purl?: string
  readonly cpe?: string
  readonly licenses?: readonly object[]
}

const version = process.versions.node
const node: Component = {
  'bom-ref': `node@${version}`,
  type: 'platform',
  name: 'node',
  version,
  purl: `pkg:generic/node@${version}`,
  cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
  licenses: [{ license: { id: 'MIT' } }],
}

/** What there is; a base need not have it. */
function ifThere<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Stanzas of dpkg(1): Debian has one list, distroless a folder with a file for each package, and its checksums beside. */
function stanzasOf(base: string): string[] {
  const dpkg = join(base, 'var/lib/dpkg')
  const files = ifThere(() => readdirSync(join(dpkg, 'status.d'))) ?? []
  const each = files.filter(name => !name.endsWith('.md5sums')).map(name => join(dpkg, 'status.d', name))
  return [join(dpkg, 'status'), ...each].flatMap(
    file => ifThere(() => readFileSync(file, 'utf8'))?.split(/\n{2,}/) ?? [],
  )
}

/**
 * The distribution and its packages, by name, as scanners look them up: by the source package (`upstream`) of a release
 * (`distro`). Empty where dpkg's lists are missing. https://github.com/package-url/purl-spec, deb-definition
 */
export function debianComponents(base: string): readonly Component[] {
  const release = ifThere(() => readFileSync(join(base, 'usr/lib/os-release'), 'utf8')) ?? ''
  const released = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1]
  const [id = 'debian', versionId] = [released('ID'), released('VERSION_ID')]
  const packages = stanzasOf(base).flatMap(stanza => {
    const field = (name: string) => new RegExp(`^${name}: *(.+)$`, 'm').exec(stanza)?.[1]?.trim()
    const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')]
    // Lists also name what was removed; files of a single package have no such field.
    if (!name || !version || !/ installed$/.test(field('Status') ?? ' installed')) return []
    const qualifiers = Object.entries({
      arch: architecture,
      distro: versionId && `${id}-${versionId}`,
      upstream: field('Source')?.replace(/ \((.*)\)$/, '@$1'),
    }).flatMap(([key, value]) => (value ? [`${key}=${encodeURIComponent(value)}`] : []))
    const purl = `pkg:deb/${id}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers.join('&')}`
    return [{ 'bom-ref': purl, type: 'library', name, version, purl }]
  })
  if (packages.length === 0) return []
  const system = { 'bom-ref': `os:${id}`, type: 'operating-system', name: id, version: versionId ?? 'unknown' }
  return [system, ...packages.toSorted((a, b) => (a.purl < b.purl ? -1 : 1))]
}

function complete(bom: Bom, debian: readonly Component[]): Bom {
  // npm takes the folder's.
  bom.metadata.component.name = 'healthconsumer'
  const program = bom.dependencies.find(({ ref }) => ref === bom.metadata.component['bom-ref'])
  for (const component of [node, ...debian]) {
    bom.components.push(component)
    program!.dependsOn.push(component['bom-ref'])
    bom.dependencies.push({ ref: component['bom-ref'], dependsOn: [] })
  }
  // The time is left out, and npm's random number replaced. A UUID of version 8 holds whatever its maker likes, RFC 9562 section 5.8.
  delete bom.metadata.timestamp
  delete bom.serialNumber
  const digest = createHash('sha256').update(JSON.stringify(bom)).digest('hex')
  const [a, b, c, d, e] = digest.match(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})/)!.slice(1)
  bom.serialNumber = `urn:uuid:${a}-${b}-8${c}-8${d}-${e}`
  return bom
}

if (import.meta.main) {
  const base = process.argv[2]!
  const debian = debianComponents(base)
  if (debian.length === 0)
    console.error(`sbom: no list of Debian packages in ${base}: the bill of materials names none of them`)
  const bom = complete(JSON.parse(await text(process.stdin)) as Bom, debian)
  process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`)
}
