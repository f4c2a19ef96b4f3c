/** What is in the image, and what is not. Needs root. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { textOf } from '../docs/pages.ts'
import {
  type BuiltImage,
  buildImage,
  buildImageOf,
  type Entry,
  entriesOf,
  revision,
  script,
  textInBase,
} from './builtImage.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const folder = await mkdtemp(join(tmpdir(), 'image-test-'))
let image: BuiltImage
let entries: readonly Entry[]
before(async () => {
  image = await buildImage(join(folder, 'image.tar'))
  entries = await entriesOf(image.archive)
})
after(() => rm(folder, { recursive: true }))

const json = async (file: string) => JSON.parse(await readFile(join(import.meta.dirname, '../..', file), 'utf8'))

/** https://docs.npmjs.com/cli/configuring-npm/package-lock-json, as far as it is looked at. */
interface Locked {
  readonly version: string
  readonly dev?: boolean
  readonly optional?: boolean
}

/** By their folders. */
const lockedPackages = async (): Promise<Readonly<Record<string, Locked>>> => (await json('package-lock.json')).packages

const baseOf = ({ config }: BuiltImage) => {
  const label = (name: string) => config.config.Labels![`org.opencontainers.image.base.${name}`]!
  return { name: label('name'), digest: label('digest') }
}

/** This tree at another place, of somebody who lets nobody else read files. */
async function copyOfTree(): Promise<string> {
  const copy = join(folder, 'a copy')
  await mkdir(copy)
  const left = new Set(['.git', 'node_modules', 'dist', 'out', '.quickstart'])
  const names = (await readdir(root)).filter(name => !left.has(name)).map(name => join(root, name))
  await run('bash', ['-c', 'umask 077; cp --recursive -- "$@" "$0"', copy, ...names])
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

test('the same tree on the same base gives the same digest, wherever it is and whatever was built before', async () => {
  const { name, digest } = baseOf(image)
  const options = ['--no-cache', '--base', `${name}@${digest}`, '--tag', 'localhost/healthconsumer:again']
  const again = await buildImageOf(join(await copyOfTree(), 'hack/image'), join(folder, 'again.tar'), ...options)
  assert.equal(again.name, 'localhost/healthconsumer:again')
  assert.match(image.digest, /^sha256:[0-9a-f]{64}$/)
  assert.equal(again.digest, image.digest)
  assert.deepEqual(again.sbom, image.sbom)
})

test('it tells the image that it starts from, and starts from no other than the one that was named', async () => {
  const { name, digest } = baseOf(image)
  assert.match(name, /^localhost\/image-base:[0-9a-f]{12}$/)
  assert.match(digest, /^sha256:[0-9a-f]{64}$/)
  const another = `${name}@sha256:${'0'.repeat(64)}`
  await assert.rejects(
    buildImage(join(folder, 'none.tar'), '--base', another, '--tag', 'localhost/healthconsumer:none'),
  )
})

test('it has the name that the chart asks for, and says what it is', async () => {
  const { version, license } = await json('package.json')
  const values = textOf('charts/healthconsumer-operator/values.yaml')
  const appVersion = /^appVersion: (\S+)$/m.exec(textOf('charts/healthconsumer-operator/Chart.yaml'))![1]
  assert.equal(image.name, `${/^ +repository: (\S+)$/m.exec(values)![1]}:${appVersion}`)
  const labels = image.config.config.Labels!
  const label = (name: string) => labels[`org.opencontainers.image.${name}`]
  assert.equal(label('title'), 'healthconsumer')
  assert.deepEqual([label('version'), label('revision'), label('licenses')], [version, revision, license])
  assert.ok(label('description') && label('source'))
  assert.equal(label('created'), '2023-11-14T22:13:20Z')
  assert.equal(image.config.created, '1970-01-01T00:00:00Z')
})

test('it is the command, as a user without rights, and leaves health to probes', () => {
  const { User, Entrypoint, Cmd, Env, Healthcheck } = image.config.config
  assert.equal(User, '1000:1000')
  assert.deepEqual(Entrypoint, ['/usr/local/bin/node', '/app/dist/cli/main.js'])
  assert.deepEqual(Cmd, ['--help'])
  assert.equal(Healthcheck, undefined)
  assert.deepEqual(Env!.map(variable => variable.split('=')[0]).toSorted(), ['HOME', 'PATH'])
  // Nothing of the program belongs to that user, so that it could not change itself.
  assert.deepEqual(
    [...new Set(entries.filter(({ path }) => path.startsWith('app')).map(({ owner }) => owner))],
    ['0/0'],
  )
  // Whoever it runs as can read all of it, whatever the umask of who built it.
  const closed = entries.filter(({ path, mode }) => path.startsWith('app') && !/^(l|-.{6}r|d.{6}r.x)/.test(mode))
  assert.deepEqual(closed, [])
  // Kubernetes may give it the group 0, which nothing is to be writable for either; all may write to /tmp.
  const loose = entries.filter(({ mode }) => /^[^l].{4}w|^[^l].{7}w|^-.*s/.test(mode)).map(({ path }) => path)
  assert.deepEqual(
    loose.filter(path => !/^(tmp|var\/.*)$/.test(path)),
    [],
  )
})

test('it holds the program and what it needs, and nothing else', async () => {
  const paths = new Set(entries.filter(({ mode }) => !mode.startsWith('d')).map(({ path }) => path))
  for (const path of ['app/dist/cli/main.js', 'app/dist/operator/main.js', 'app/package.json', 'app/LICENSE'])
    assert.ok(paths.has(path), path)
  assert.deepEqual([...new Set([...paths].flatMap(path => /^app\/([^/]+)/.exec(path)?.[1] ?? []))].toSorted(), [
    ...['LICENSE', 'charts', 'dist', 'node_modules', 'package.json', 'sbom.cdx.json'],
  ])
  const present = (pattern: RegExp) => [...paths].filter(path => pattern.test(path))
  assert.deepEqual(present(/(^|\/)(sh|bash|dash|busybox|npm|npx|apt|dpkg|perl|python3?|curl|wget)$/), [])
  assert.deepEqual(present(/\.(ts|mts|cts|map)$/), [])
  assert.deepEqual(present(/^app\/.*\/(tests?|__tests__|benchmarks?|examples?|docs?|\.[a-z]+|dist-es|coverage)\//), [])
  assert.deepEqual(present(/(^|\/)(\.git|\.npmrc|\.env|\.npm|id_rsa|kubeconfig|.*\.(pem|key|p12|pfx|kubeconfig))$/), [])
  for (const [path, { dev }] of Object.entries(await lockedPackages()))
    if (dev) assert.ok(!paths.has(`app/${path}/package.json`), `${path} is for development`)
})

test('its bill of materials names every package that is in it, with its licence, and the Node that runs them', async () => {
  const packages = await lockedPackages()
  const paths = new Set(entries.map(({ path }) => path))
  const production = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  const installed = production.filter(([path]) => paths.has(`app/${path}/package.json`))
  assert.deepEqual(
    production.filter(([path, { optional }]) => optional !== true && !paths.has(`app/${path}/package.json`)),
    [],
  )
  const purls = installed.map(([path, { version }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    return `pkg:npm/${name.replace('@', '%40')}@${version}`
  })
  const { version: node } = await json('node_modules/node/package.json')
  const components = image.sbom.components.filter(({ purl }) => purl && !purl.startsWith('pkg:deb/'))
  assert.deepEqual(new Set(components.map(({ purl }) => purl)), new Set([...purls, `pkg:generic/node@${node}`]))
  assert.ok(purls.length > 60)
  assert.equal(image.sbom.bomFormat, 'CycloneDX')
  assert.equal(image.sbom.metadata.component.name, 'healthconsumer')
  assert.deepEqual(
    components.filter(({ licenses = [] }) => licenses.length === 0).map(({ purl }) => purl),
    [],
  )
  assert.deepEqual(JSON.parse((await run(script, ['sbom'], { maxBuffer: 64 << 20 })).stdout), image.sbom)
})

test('its bill of materials names the packages of the base, and each library is of one of them', async () => {
  const named = image.sbom.components.filter(({ purl }) => purl?.startsWith('pkg:deb/debian/')).map(({ name }) => name)
  const files = entries.filter(({ mode }) => mode.startsWith('-')).map(({ path }) => path)
  const lists = files.flatMap(path => /^var\/lib\/dpkg\/status\.d\/(.*)\.md5sums$/.exec(path)?.[1] ?? [])
  assert.deepEqual(named.toSorted(), lists.toSorted())
  assert.ok(named.includes('libc6') && named.includes('libstdc++6'))
  const checksums = await textInBase(image.archive, '*var/lib/dpkg/status.d/*.md5sums')
  const owned = new Set(checksums.split('\n').map(line => line.slice(34)))
  const libraries = files.filter(path => /^(usr\/)?lib(64)?\//.test(path))
  assert.ok(libraries.length > 10)
  assert.deepEqual(
    libraries.filter(path => !owned.has(path)),
    [],
  )
  assert.equal(image.sbom.components.find(({ type }) => type === 'operating-system')?.name, 'debian')
})

test('its layers are as large as the page says', async () => {
  const sizes = (table: string) =>
    [...table.matchAll(/^\| (\S.*?) \| +([\d.]+) \| +([\d.]+) \|$/gm)].map(([, what, ...numbers]) => ({
      what,
      numbers: numbers.map(Number),
    }))
  const built = sizes((await run(script, ['layers'])).stdout)
  const shown = sizes(textOf('docs/image.md'))
  assert.deepEqual(
    shown.map(({ what }) => what),
    built.map(({ what }) => what),
  )
  for (const [index, { what, numbers }] of built.entries())
    for (const [column, megabytes] of numbers.entries()) {
      const said = shown[index]!.numbers[column]!
      assert.ok(Math.abs(said - megabytes) <= 0.1 * megabytes + 0.2, `${what}: ${megabytes} MB, the page says ${said}`)
    }
})

test('who is not root is told so', async () => {
  // In a user namespace of its own a process is nobody, whoever started it.
  await assert.rejects(run('unshare', ['--user', script, 'build']), { stderr: /needs root: sudo .*hack\/image build/ })
  await assert.rejects(run(script, ['build', '--nonsense']), { code: 2 })
})
