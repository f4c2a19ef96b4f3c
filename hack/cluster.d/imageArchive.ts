/**
 * Packs a folder as a container image of one layer, in the archive format of `docker save`, the same bytes for the same
 * files. It builds nothing: what the image holds is in the folder.
 *
 *   imageArchive.ts FILE NAME FOLDER ENTRYPOINT...
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

const tar = (file: string, folder: string, ...names: string[]) =>
  execFileSync('tar', [
    ...['--create', '--file', file, '--directory', folder],
    ...['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', ...names],
  ])

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** Writes `file`; `name` is what pods call the image. It runs as user 65532, as restricted Pod Security wants it. */
export async function writeImageArchive(file: string, name: string, folder: string, entrypoint: readonly string[]) {
  const work = await mkdtemp(join(dirname(resolve(file)), 'image-'))
  try {
    tar(join(work, 'layer.tar'), folder, '.')
    const config = {
      architecture: architectures[process.arch],
      os: 'linux',
      config: { User: '65532:65532', Entrypoint: entrypoint },
      rootfs: { type: 'layers', diff_ids: [`sha256:${await sha256(join(work, 'layer.tar'))}`] },
    }
    await writeFile(join(work, 'config.json'), JSON.stringify(config))
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest))
    tar(file, work, 'manifest.json', 'config.json', 'layer.tar')
  } finally {
    await rm(work, { recursive: true })
  }
}

if (import.meta.main) {
  const [file, name, folder, ...entrypoint] = process.argv.slice(2)
  await writeImageArchive(file!, name!, folder!, entrypoint)
}
