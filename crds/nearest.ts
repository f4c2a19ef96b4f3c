/**
 * The nearest of several words to one that was probably mistyped. Pure.
 */

/** Insertions, deletions, replacements and exchanges of neighbours between two words (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current[column] = Math.min(replaced, last[column]! + 1, current[column - 1]! + 1)
      const exchanged = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (exchanged) current[column] = Math.min(current[column]!, beforeLast[column - 2]! + 1)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}

/** The nearest choice, whatever its case, or undefined where none is near: at most one slip per three letters. */
export function nearest(word: string, choices: readonly string[]): string | undefined {
  if (word.length > 64) return undefined
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const choice of choices) {
    const slips = distance(word.toLowerCase(), choice.toLowerCase())
    if (slips < bestDistance) [best, bestDistance] = [choice, slips]
  }
  return best
}
