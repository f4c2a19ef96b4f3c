/** The lines of a watch's answer, each an event: https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks */
import { StringDecoder } from 'node:string_decoder'
import type { KubernetesObject, WatchEvent } from './kubernetes.ts'
import { watchError } from './statusError.ts'

/** Complete lines alone: what a broken stream ends with is no event. Throws where a line is longer than `maxLength`. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, maxLength: number): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of chunks) {
    // What is known to hold no line end is not searched again.
    let searched = rest.length
    rest += decoder.write(chunk)
    let start = 0
    for (let end = rest.indexOf('\n', searched); end >= 0; end = rest.indexOf('\n', searched)) {
      yield rest.slice(start, end)
      start = searched = end + 1
    }
    rest = rest.slice(start)
    if (rest.length > maxLength) throw new Error(`an event is longer than ${maxLength} characters`)
  }
}

/** `what` names the request in errors. Throws KubernetesError for an ERROR event, SyntaxError for what is no JSON. */
export function watchEvent(what: string, line: string): WatchEvent {
  const { type, object } = JSON.parse(line) as { type: string; object: KubernetesObject }
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object }
  if (type === 'BOOKMARK') return { type, resourceVersion: object.metadata.resourceVersion ?? '' }
  throw watchError(what, object)
}
