/** The image of this tree, built by hack/image, which needs root; and what is in it. */
import { execFile, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { type ImageConfig, readImage } from '../../hack/image.d/layers.ts'
import type { Component } from '../../hack/image.d/sbom.ts'

const run = promisify(execFile)
export const script = join(import.meta.dirname, '../../hack/image')

/** Another one in every process, as in every commit. */
export const revision = `of-test-${process.pid}`

export interface BuiltImage {
  /** What pods call it. */
  readonly name: string
  readonly digest: string
  readonly config: ImageConfig
  /** Archive of `docker save`. */
  readonly archive: string
  readonly sbom: Sbom
}

/** https://cyclonedx.org/docs/1.5/json/, as far as it is looked at. */
export interface Sbom {
  readonly bomFormat: string
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } }
  readonly components: readonly Component[]
}

/** Writes the archive. The same name for every tree: whoever builds next takes it. */
export const buildImage = (archive: string, ...options: readonly string[]) => buildImageOf(script, archive, ...options)

/** By the hack/image of another tree. */
export async function buildImageOf(
  script: string,
  archive: string,
  ...options: readonly string[]
): Promise<BuiltImage> {
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000', REVISION: revision }
  const { stdout } = await run(script, ['build', '--output', archive, ...options], { env, maxBuffer: 64 << 20 })
  const [, name, digest] = /^(\S+) (\S+)\n$/.exec(stdout)!
  const { config } = await readImage(archive)
  const sbom = JSON.parse(await readFile(`${archive}.sbom.cdx.json`, 'utf8')) as Sbom
  return { name: name!, digest: digest!, config, archive, sbom }
}

export interface Entry {
  /** As in `drwxr-xr-x`. */
  readonly mode: string
  readonly owner: string
  /** Without the slash in front. */
  readonly path: string
}

/** What a tar prints that reads a layer. */
function readLayer(archive: string, layer: string, ...parameters: readonly string[]): Promise<string> {
  const command = 'tar --extract --to-stdout --file "$0" "$1" | (shift; exec tar "$@")'
  return text(spawn('bash', ['-euo', 'pipefail', '-c', command, archive, layer, ...parameters]).stdout)
}

/** The files of the base image that match, one after the other. */
export async function textInBase(archive: string, pattern: string): Promise<string> {
  const { layers } = await readImage(archive)
  return readLayer(archive, layers[0]!, '--extract', '--to-stdout', '--wildcards', pattern)
}

/** All layers, lowest first. */
export async function entriesOf(archive: string): Promise<readonly Entry[]> {
  const { layers } = await readImage(archive)
  const lists = await Promise.all(
    layers.map(layer => readLayer(archive, layer, '--list', '--verbose', '--numeric-owner')),
  )
  return lists
    .join('')
    .trimEnd()
    .split('\n')
    .map(line => {
      const [, mode, owner, path] = /^(\S{10}) (\S+) +\d+ \S+ \S+ (?:\.\/)?(.*?)(?: -> .*| link to .*)?$/.exec(line)!
      return { mode: mode!, owner: owner!, path: path!.replace(/\/$/, '') }
    })
}
