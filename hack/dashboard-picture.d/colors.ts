/** The colours of Grafana's dark theme. Pure. Source: packages/grafana-data/src/themes/createVisualizationColors.ts */

const hues: Readonly<Record<string, string>> = {
  red: '#F2495C',
  orange: '#FF9830',
  yellow: '#FADE2A',
  green: '#73BF69',
  blue: '#5794F2',
  purple: '#B877D9',
  transparent: 'transparent',
}

export const namedColor = (name: string): string => {
  const color = name.startsWith('#') ? name : hues[name.replace(/^(?:super-|semi-)?(?:light-|dark-)/, '')]
  if (color === undefined)
    throw new Error(`${name} is no colour that the picture knows: add it to ${import.meta.filename}`)
  return color
}

/** palette-classic */
const palette = [
  ...['#73BF69', '#F2CC0C', '#8AB8FF', '#FF780A', '#F2495C', '#5794F2', '#B877D9', '#705DA0', '#37872D', '#FADE2A'],
  ...['#447EBC', '#C15C17', '#890F02', '#0A437C', '#6D1F62', '#584477', '#B7DBAB', '#F4D598', '#70DBED', '#F9BA8F'],
  ...['#F29191', '#82B5D8', '#E5A8E2', '#AEA2E0', '#629E51', '#E5AC0E', '#64B0C8', '#E0752D', '#BF1B00', '#0A50A1'],
  ...['#962D82', '#614D93', '#9AC48A', '#F2C96D', '#65C5DB', '#F9934E', '#EA6460', '#5195CE', '#D683CE', '#806EB7'],
  ...['#3F6833', '#967302', '#2F575E', '#99440A', '#58140C', '#052B51', '#511749', '#3F2B5B', '#E0F9D7', '#FCEACA'],
  ...['#CFFAFF', '#F9E2D2', '#FCE2DE', '#BADFF4', '#F9D9F9', '#DEDAF7'],
] as const

/** palette-classic-by-name: the same name has the same colour in every panel. */
export function colorOfName(name: string): string {
  let hash = 0
  for (let at = 0; at < name.length; at++) hash = ((hash << 5) - hash + name.charCodeAt(at)) | 0
  return palette[Math.abs(hash) % palette.length]!
}

/** shades: the colour itself for the first series, then lighter and darker ones in turn. */
export function shade(name: string, index: number): string {
  const base = namedColor(name)
  if (index === 0) return base
  const towards = index % 2 === 1 ? 255 : 0
  const share = Math.min(0.75, 0.25 * Math.ceil(index / 2))
  const mixed = [1, 3, 5].map(at => {
    const part = Number.parseInt(base.slice(at, at + 2), 16)
    return Math.round(part + (towards - part) * share)
  })
  return `#${mixed.map(part => part.toString(16).padStart(2, '0')).join('')}`
}
