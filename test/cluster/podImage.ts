/** An image for pods of tests: the pinned Node, the libraries that it loads, and pod.ts. */
import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeImageArchive } from '../../hack/cluster.d/imageArchive.ts'

/** Writes the archive `file`. */
export async function writePodImage(file: string, name: string): Promise<void> {
  const root = await mkdtemp(`${file}-root-`)
  const add = async (from: string, to: string) => {
    await mkdir(dirname(join(root, to)), { recursive: true })
    await cp(await realpath(from), join(root, to))
  }
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
  for (const library of libraries) await add(library, library)
  await add(process.execPath, '/bin/node')
  await add(join(import.meta.dirname, 'pod.ts'), '/pod.ts')
  await writeImageArchive(file, name, root, ['/bin/node', '/pod.ts'])
  await rm(root, { recursive: true })
}
