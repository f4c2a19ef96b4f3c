/**
 * A headless Chromium for one screenshot. It speaks the DevTools protocol through two pipes, one JSON message after the
 * other with a zero byte between: https://chromedevtools.github.io/devtools-protocol/
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

interface Message {
  readonly id?: number
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}
type Send = (method: string, parameters?: object, sessionId?: string) => Promise<Readonly<Record<string, unknown>>>

const limitMs = 60_000

/** The PNG of a page of HTML, all of it, once its promise `drawn` resolved with its `{width, height}` in pixels. */
export async function screenshot(parts: string, html: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'dashboard-picture-'))
  const file = join(folder, 'page.html')
  await writeFile(file, html)
  const browser = start(join(parts, 'browser'), folder)
  const limit = setTimeout(() => browser.kill('SIGKILL'), limitMs)
  const gone = once(browser, 'exit')
  try {
    return await capture(connect(browser), `file://${file}`)
  } finally {
    clearTimeout(limit)
    browser.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true, maxRetries: 5 })
  }
}

/** Without a sandbox, which containers do not allow: it shows nothing but our own page. */
function start(browser: string, folder: string): ChildProcess {
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--hide-scrollbars',
    '--disable-lcd-text',
  ]
  const own = [`--user-data-dir=${join(folder, 'profile')}`, '--remote-debugging-pipe', '--font-render-hinting=none']
  return spawn(join(browser, 'chromium'), [...flags, ...own], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    // uPlot writes dates in the language of the locale, which has to be one.
    env: { ...process.env, LC_ALL: 'en_US.UTF-8', LD_LIBRARY_PATH: join(browser, 'al2023/lib') },
  })
}

function connect(browser: ChildProcess): Send {
  const [, , stderr, input, output] = browser.stdio as [null, null, Readable, Writable, Readable]
  const waiting = new Map<number, PromiseWithResolvers<Readonly<Record<string, unknown>>>>()
  let complaints = ''
  stderr.setEncoding('utf8').on('data', chunk => {
    complaints += chunk
  })
  input.on('error', () => undefined) // It is gone, which `exit` tells.
  browser.on('exit', (code, signal) => {
    const error = new Error(
      `Chromium ended with ${signal ?? code} before the picture was drawn: ${complaints.slice(-2000)}`,
    )
    for (const each of waiting.values()) each.reject(error)
  })

  function receive({ id, result, error }: Message): void {
    const answer = waiting.get(id ?? 0)
    waiting.delete(id ?? 0)
    if (error) answer?.reject(new Error(error.message))
    else answer?.resolve(result!)
  }
  let text = ''
  output.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (text + chunk).split('\0')
    text = messages.pop()!
    for (const message of messages) receive(JSON.parse(message))
  })

  let last = 0
  return (method, parameters = {}, sessionId) => {
    const answer = Promise.withResolvers<Readonly<Record<string, unknown>>>()
    waiting.set(++last, answer)
    input.write(`${JSON.stringify({ id: last, method, params: parameters, sessionId })}\0`)
    return answer.promise
  }
}

async function capture(send: Send, url: string): Promise<Buffer> {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
  const page: Send = (method, parameters) => send(method, parameters, String(sessionId))
  await page('Page.navigate', { url })
  // The script of the page may not have begun.
  const expression = `new Promise(resolve => {
    const look = () => (window.drawn ? resolve(window.drawn) : setTimeout(look, 20))
    look()
  })`
  const answer = await page('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
  const { result, exceptionDetails } = answer as {
    result: { value: { width: number; height: number } }
    exceptionDetails?: { exception: { description: string } }
  }
  if (exceptionDetails) throw new Error(`the page could not be drawn: ${exceptionDetails.exception.description}`)
  const clip = { x: 0, y: 0, ...result.value, scale: 1 }
  const { data } = await page('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, clip })
  return Buffer.from(String(data), 'base64')
}
