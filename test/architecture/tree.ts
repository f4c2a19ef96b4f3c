/** The project's own files and what each TypeScript file imports, read from disk. It knows no rule. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'

const root = path.join(import.meta.dirname, '../..')

/** Every file that is or would be committed, relative to the root. */
export const files: readonly string[] = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter(file => file !== '' && existsSync(path.join(root, file)))

export const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8')

export const typescriptFiles: readonly string[] = files.filter(file => file.endsWith('.ts'))

/** Whether the file is the path, or lies in the folder, that `part` names. */
export const isIn = (file: string, part: string): boolean => file === part || file.startsWith(`${part}/`)

/** Without comments, as far as whole lines and ends of lines go. */
export const codeOf = (file: string): string =>
  textOf(file)
    .replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '')

export interface Imports {
  /** Files of this project, relative to the root. */
  readonly own: readonly string[]
  /** `node:…` modules. */
  readonly builtin: readonly string[]
  /** Names of packages. */
  readonly packages: readonly string[]
}

const specifier = /(?:^|[\s}])(?:from|import)\s*\(?\s*'([^'\n]+)'/gm

/** Static and dynamic imports and re-exports, of types too. */
export function importsOf(file: string): Imports {
  const found = [...codeOf(file).matchAll(specifier)].map(match => match[1]!)
  const own = found.filter(name => name.startsWith('.')).map(name => path.join(path.dirname(file), name))
  const builtin = found.filter(name => name.startsWith('node:') || builtinModules.includes(name))
  const packages = found
    .filter(name => !name.startsWith('.') && !builtin.includes(name))
    .map(name => name.split('/', name.startsWith('@') ? 2 : 1).join('/'))
  return { own, builtin, packages }
}
