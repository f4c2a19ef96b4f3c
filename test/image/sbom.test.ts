/** The Debian packages of a bill of materials, by folders such as images have. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { debianComponents } from '../../hack/image.d/sbom.ts'

const release = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'

/** The purls of a root file system that has these files. */
async function purlsOf(files: Readonly<Record<string, string>>) {
  const base = await mkdtemp(join(tmpdir(), 'sbom-test-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(base, name)), { recursive: true })
    await writeFile(join(base, name), content)
  }
  const components = debianComponents(base)
  await rm(base, { recursive: true })
  return components.map(({ purl, name, version }) => purl ?? `${name} ${version}`)
}

test('the list of a Debian image: what is installed, with its source package and release, and not what was removed', async () => {
  const status = `Package: tar
Status: install ok installed
Architecture: amd64
Source: tar-source (1.34)
Version: 1:1.34+dfsg-1
Description: GNU version of the tar archiving utility
 Version: of a continued line

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libstdc++6
Status: hold ok installed
Architecture: arm64
Version: 12.2
`
  assert.deepEqual(await purlsOf({ 'usr/lib/os-release': release, 'var/lib/dpkg/status': status }), [
    'debian 12',
    'pkg:deb/debian/libstdc%2B%2B6@12.2?arch=arm64&distro=debian-12',
    'pkg:deb/debian/tar@1%3A1.34%2Bdfsg-1?arch=amd64&distro=debian-12&upstream=tar-source%401.34',
  ])
})

test('the folder of a distroless image: a file for each package, checksums beside', async () => {
  const files = {
    'usr/lib/os-release': release,
    'var/lib/dpkg/status.d/netbase': 'Package: netbase\nVersion: 6.4\nArchitecture: all\n',
    'var/lib/dpkg/status.d/netbase.md5sums': '3b7f  etc/services\n',
  }
  assert.deepEqual(await purlsOf(files), ['debian 12', 'pkg:deb/debian/netbase@6.4?arch=all&distro=debian-12'])
})

test('a base of another kind has none', async () => {
  assert.deepEqual(await purlsOf({ 'etc/os-release': 'ID=other\n' }), [])
})
