/**
 * Writes the generated files of the tree, or says how they differ from what they should be (hack/generate starts it). It
 * never decides what is in them: hack/generate.d does.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { generatedFiles } from './generate.d/files.ts'

const usage = `hack/generate: the generated files of the tree

  hack/generate              writes them
  hack/generate --check      prints how they differ from what they should be; exit code 1 if they do
  hack/generate --list       prints their names
  --root DIR                 the tree, this one by default`

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
}

/** Whether the tree is as it should be; prints the differences as `diff` does. */
async function isCurrent(root: string, files: Readonly<Record<string, string>>): Promise<boolean> {
  const fresh = await mkdtemp(join(tmpdir(), 'generate-'))
  try {
    await write(fresh, files)
    const differing = Object.keys(files).filter(name => {
      const labels = [`--label=${name}`, `--label=${name} as it should be`]
      const { status } = spawnSync('diff', ['-uN', ...labels, join(root, name), join(fresh, name)], {
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      return status !== 0
    })
    if (differing.length > 0) console.error(`generate: run hack/generate and commit ${differing.join(' ')}`)
    return differing.length === 0
  } finally {
    await rm(fresh, { recursive: true })
  }
}

const { values } = parseArgs({
  options: {
    check: { type: 'boolean' },
    list: { type: 'boolean' },
    root: { type: 'string', default: '.' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) console.log(usage)
else {
  const files = await generatedFiles()
  if (values.list) console.log(Object.keys(files).join('\n'))
  else if (!values.check) await write(resolve(values.root), files)
  else if (!(await isCurrent(resolve(values.root), files))) process.exitCode = 1
}
