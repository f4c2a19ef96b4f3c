import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { LogFields, Logger } from '../../../runtime/contract/logger.ts'
import type { RuntimeStatus } from '../../../runtime/contract/status.ts'
import {
  startTelemetryServer,
  type TelemetryServer,
  TelemetryServerError,
  type TelemetrySources,
} from '../../../runtime/telemetry/server.ts'

const status: RuntimeStatus = {
  version: '1.2.3',
  startedAt: '2026-01-02T03:04:05.678Z',
  group: 'g',
  instance: 'pod-0',
  epoch: 1,
  caughtUp: false,
  halt: { code: 'LineageBroken', message: 'm', fix: 'f' },
  trouble: { code: 'BrokersUnreachable', message: 'b', since: '2026-01-02T03:05:00.000Z' },
  partitions: [{ topic: 't', partition: 0, nextOffset: 5, highWatermark: 9, lag: 4, committed: 3 }],
  tables: {
    raw: { name: 'db.raw', snapshotId: '6129481920394857261', sequence: 7, lastCommitAt: '2026-01-02T03:04:06.000Z' },
    errors: { name: 'db.errors', snapshotId: null, sequence: null, lastCommitAt: null },
  },
  pendingErrorIntents: 1,
  rates: { kafkaRecords: 1, validRows: 20, invalidRows: 0 },
  invalidRatio: null,
  bufferedBytes: 10,
  logging: { level: 'info', formatter: 'JSONFormatter', file: null },
}

interface Line extends LogFields {
  readonly message: string
}

/** Keeps what is logged. */
function recordingLogger(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = []
  const log = (message: string, fields?: LogFields) => void lines.push({ message, ...fields })
  return { lines, logger: { debug: log, info: log, warning: log, error: log, critical: log, enabled: () => true } }
}

const healthy: TelemetrySources = {
  metricsText: async () => 'a_total 1\n',
  live: () => ({ ok: true, message: 'live' }),
  ready: () => ({ ok: false, message: 'halted: LineageBroken' }),
  status: () => status,
}

const start = (sources: Partial<TelemetrySources> = {}, port = 0) => {
  const { logger, lines } = recordingLogger()
  const server = startTelemetryServer({ ...healthy, ...sources, host: '127.0.0.1', port, logger })
  return { server, lines }
}

describe('the telemetry server', () => {
  let server: TelemetryServer
  let lines: Line[]
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init)

  before(async () => {
    const started = start()
    server = await started.server
    lines = started.lines
  })
  after(() => server.close())

  it('says on which port it listens', () => {
    assert.ok(server.port > 0)
    assert.equal(lines[0]?.message, `PrometheusReporter listening on :${server.port}`)
  })

  it('serves metrics in text format 0.0.4 whatever Accept says', async () => {
    for (const accept of ['*/*', 'application/openmetrics-text; version=1.0.0', 'application/json']) {
      const response = await get('/metrics?name[]=x', { headers: { accept } })
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
      assert.equal(await response.text(), 'a_total 1\n')
    }
  })

  it('answers probes by status code, with the reason for people', async () => {
    const live = await get('/livez')
    assert.deepEqual([live.status, await live.text()], [200, 'live\n'])
    const ready = await get('/readyz')
    assert.deepEqual([ready.status, await ready.text()], [503, 'halted: LineageBroken\n'])
  })

  it('serves the status as JSON with whole snapshot ids', async () => {
    const response = await get('/status')
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.deepEqual(await response.json(), status)
  })

  it('answers HEAD without a body', async () => {
    const response = await get('/metrics', { method: 'HEAD' })
    assert.deepEqual([response.status, await response.text()], [200, ''])
    assert.equal(response.headers.get('content-length'), '10')
  })

  it('refuses other paths and methods', async () => {
    for (const path of ['/', '/metrics/', '/__proto__', '/constructor']) assert.equal((await get(path)).status, 404)
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const response = await get('/status', { method })
      assert.deepEqual([response.status, response.headers.get('allow')], [405, 'GET, HEAD'])
    }
  })

  it('names a port in use and the way out', async () => {
    await assert.rejects(start({}, server.port).server, (error: unknown) => {
      assert.ok(error instanceof TelemetryServerError)
      assert.equal(error.code, 'PORT_IN_USE')
      assert.match(error.message, new RegExp(`port ${server.port} on 127\\.0\\.0\\.1 is in use`))
      assert.match(error.message, /set another port/)
      return true
    })
  })

  it('names an address that is not of this machine', async () => {
    const { logger } = recordingLogger()
    const elsewhere = startTelemetryServer({ ...healthy, host: '192.0.2.1', port: 0, logger })
    await assert.rejects(elsewhere, { name: 'TelemetryServerError', code: 'CANNOT_LISTEN' })
  })
})

describe('a failing source', () => {
  it('is a 500 that says nothing, and a log line that does', async () => {
    const started = start({ metricsText: () => Promise.reject(new Error('secret')) })
    const server = await started.server
    const response = await fetch(`http://127.0.0.1:${server.port}/metrics`)
    assert.equal(response.status, 500)
    assert.doesNotMatch(await response.text(), /secret/)
    assert.match(String(started.lines.at(-1)?.error), /secret/)
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/livez`)).status, 200)
    await server.close()
  })
})

describe('closing', () => {
  it('lets a running request end, although a kept-alive connection idles, and frees the port', async () => {
    const reached = Promise.withResolvers<void>()
    const text = Promise.withResolvers<string>()
    const started = start({
      metricsText: () => {
        reached.resolve()
        return text.promise
      },
    })
    const server = await started.server
    await (await fetch(`http://127.0.0.1:${server.port}/livez`)).text()
    const body = fetch(`http://127.0.0.1:${server.port}/metrics`).then(response => response.text())
    await reached.promise
    const closed = server.close()
    text.resolve('late_total 1\n')
    assert.equal(await body, 'late_total 1\n')
    await closed
    const again = start({}, server.port)
    await (await again.server).close()
  })

  it('does not wait for a client that never finishes its request', { timeout: 20_000 }, async () => {
    const { server } = start()
    const { port, close } = await server
    const socket = connect(port, '127.0.0.1')
    const ended = new Promise(resolve => socket.on('close', resolve))
    socket.on('error', () => {})
    await new Promise(resolve => socket.write('GET /metrics HTTP/1.1\r\n', resolve))
    // An answered request on another connection shows that the server has seen the first one too.
    await new Promise(resolve => request({ port, path: '/livez' }, answer => answer.resume().on('end', resolve)).end())
    await close()
    await ended
  })
})
