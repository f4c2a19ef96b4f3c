/**
 * Prints the layers of an image, from an archive of `docker save`, as a Markdown table: what each step of the Dockerfile
 * adds, in MB, and what of it a registry sends (gzip). It unpacks nothing onto the disk.
 *
 *   layers.ts ARCHIVE
 */
import { spawn } from 'node:child_process'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

export interface Layer {
  /** What it holds. */
  readonly what: string
  readonly bytes: number
  readonly compressedBytes: number
}

/** https://github.com/opencontainers/image-spec/blob/main/config.md */
export interface ImageConfig {
  readonly architecture: string
  readonly created?: string
  readonly config: {
    readonly User?: string
    readonly Entrypoint?: readonly string[]
    readonly Cmd?: readonly string[]
    readonly Env?: readonly string[]
    readonly Labels?: Readonly<Record<string, string>>
    readonly Healthcheck?: object
  }
  readonly rootfs: { readonly diff_ids: readonly string[] }
  readonly history: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[]
}

/** A file of a tar archive, a chunk at a time. */
async function* fileIn(archive: string, name: string): AsyncGenerator<Buffer> {
  const tar = spawn('tar', ['--extract', '--to-stdout', '--file', archive, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve, reject) => tar.once('error', reject).once('close', resolve))
  yield* tar.stdout
  if ((await ended) !== 0)
    throw new Error(`${name} cannot be read from ${archive}: is it an archive of \`docker save\`?`)
}

async function jsonIn(archive: string, name: string): Promise<unknown> {
  return JSON.parse(Buffer.concat(await Array.fromAsync(fileIn(archive, name))).toString())
}

export interface Image {
  /** `name:tag`. */
  readonly names: readonly string[]
  readonly config: ImageConfig
  /** Names of the files in the archive, lowest first. */
  readonly layers: readonly string[]
}

export async function readImage(archive: string): Promise<Image> {
  const [image] = (await jsonIn(archive, 'manifest.json')) as { Config: string; RepoTags: string[]; Layers: string[] }[]
  return {
    names: image!.RepoTags,
    config: (await jsonIn(archive, image!.Config)) as ImageConfig,
    layers: image!.Layers,
  }
}

export async function layersOf(archive: string): Promise<readonly Layer[]> {
  const { config, layers } = await readImage(archive)
  const steps = config.history.filter(step => step.empty_layer !== true)
  return Promise.all(
    layers.map(async (file, index) => {
      let bytes = 0
      let compressedBytes = 0
      await pipeline(
        fileIn(archive, file),
        async function* count(chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            bytes += chunk.length
            yield chunk
          }
        },
        createGzip(),
        async (chunks: AsyncIterable<Buffer>) => {
          for await (const chunk of chunks) compressedBytes += chunk.length
        },
      )
      return { what: contentOf(steps[index]?.created_by ?? ''), bytes, compressedBytes }
    }),
  )
}

/** Where a COPY puts it; anything else is what the image starts from. */
const contentOf = (step: string): string => /COPY .* (\/[\w./]+)\s*$/.exec(step)?.[1] ?? 'base image'

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)

export function layerTable(layers: readonly Layer[]): string {
  const sum = (of: (layer: Layer) => number) => megabytes(layers.reduce((total, layer) => total + of(layer), 0))
  const rows = layers.map(({ what, bytes, compressedBytes }) => [what, megabytes(bytes), megabytes(compressedBytes)])
  const all = ['all', sum(layer => layer.bytes), sum(layer => layer.compressedBytes)]
  return [['layer', 'MB', 'MB compressed'], ['---', '---:', '---:'], ...rows, all]
    .map(cells => `| ${cells.join(' | ')} |\n`)
    .join('')
}

if (import.meta.main) process.stdout.write(layerTable(await layersOf(process.argv[2]!)))
