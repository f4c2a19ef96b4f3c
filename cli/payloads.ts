/**
 * Health payloads for trying things out: the same seed and index always give the same bytes, together with what an exact
 * consumer must find in them under the built-in rules, lenient or strict. Pure; it sends nothing.
 *
 * Values are multiples of 1/8, so that their sum is exact in whatever order it is taken. Sample ids are derived one to one
 * from seed, payload and sample, so that runs with different seeds never share one.
 */
import { createHash } from 'node:crypto'
import { spoilPayload, spoilSample } from './invalidPayloads.ts'

export interface PayloadOptions {
  /** Whole number in [0, 2^32). */
  readonly seed: number
  /** At least 1. */
  readonly samplesPerPayload: number
  /** Share of the rows that are invalid, in [0, 1]. */
  readonly invalidShare: number
}

export interface Payload {
  /** Record key: the device id. */
  readonly key: string
  readonly value: Buffer
  /** Samples that belong into the raw table, and the sum of their values. */
  readonly valid: number
  readonly valueSum: number
  /** The reason of each row that belongs into the errors table; a payload that cannot be decoded is one row. */
  readonly invalid: readonly string[]
}

interface Sample {
  readonly id: string
  readonly type: string
  readonly value: number
  readonly unit: string
  readonly startDate: string
  readonly endDate: string
  readonly sourceBundle: string
  readonly metadata: Readonly<Record<string, string>>
  readonly isSynced: boolean
  readonly createdAt: string
  readonly timezone: string
  readonly timezoneOffset: number
}

/** Type, unit, usual values, and how long a sample lasts at most, in seconds. */
const measurements = [
  { type: 'heartRate', unit: 'count/min', from: 48, to: 165, lasting: 60 },
  { type: 'stepCount', unit: 'count', from: 0, to: 2_500, lasting: 900 },
  { type: 'distanceWalkingRunning', unit: 'm', from: 0, to: 1_800, lasting: 900 },
  { type: 'activeEnergyBurned', unit: 'kcal', from: 0, to: 220, lasting: 900 },
  { type: 'oxygenSaturation', unit: '%', from: 91, to: 100, lasting: 30 },
  { type: 'bodyTemperature', unit: '°C', from: 35.5, to: 39, lasting: 0 },
  { type: 'respiratoryRate', unit: 'count/min', from: 9, to: 26, lasting: 60 },
  { type: 'sleepAnalysis', unit: 'h', from: 0, to: 10, lasting: 36_000 },
] as const

/** A person and their device: what stays the same from payload to payload. */
const zones = [
  { timezone: 'Europe/Berlin', timezoneOffset: 120 },
  { timezone: 'America/New_York', timezoneOffset: -240 },
  { timezone: 'Asia/Kolkata', timezoneOffset: 330 },
  { timezone: 'Pacific/Auckland', timezoneOffset: 720 },
] as const
const sources = ['com.apple.health.watch', 'com.apple.health.phone', 'com.example.ring'] as const
const devices = ['Watch Series 9', 'Phone 15', 'Smart Ring 2', 'Chest Strap H10'] as const
const people = 40

/** Few days, hence few table partitions: days × measurements. */
const firstDayMs = Date.UTC(2024, 4, 1)
const days = 4
const dayMs = 86_400_000

/** How often a payload as a whole cannot be decoded, as a part of the invalid share. */
const undecodablePart = 0.1

export function createPayload(options: PayloadOptions, index: number): Payload {
  const random = createRandom(options.seed, index)
  const person = Math.floor(random() * people)
  const undecodable = options.invalidShare * undecodablePart
  const spoilWhole = random() < undecodable
  const sampleShare = sampleInvalidShare(options, undecodable)
  const texts: string[] = []
  const invalid: string[] = []
  let valueSum = 0
  for (let number = 0; number < options.samplesPerPayload; number++) {
    const sample = createSample(sampleId(options.seed, index, number), person, random)
    if (random() < sampleShare) {
      const spoilt = spoilSample(sample, random)
      texts.push(spoilt.text)
      invalid.push(spoilt.reason)
    } else {
      texts.push(JSON.stringify(sample))
      valueSum += sample.value
    }
  }
  const key = `device-${identifier(`device ${person}`)}`
  const value = Buffer.from(envelope(key, person, texts, random))
  if (!spoilWhole) return { key, value, valid: texts.length - invalid.length, valueSum, invalid }
  const spoilt = spoilPayload(value, random)
  return { key, value: spoilt.value, valid: 0, valueSum: 0, invalid: [spoilt.reason] }
}

/** So that undecodable payloads, one row each in place of a full payload, and spoilt samples together make the share. */
function sampleInvalidShare({ invalidShare, samplesPerPayload }: PayloadOptions, undecodable: number): number {
  return invalidShare - (undecodable * (1 - invalidShare)) / ((1 - undecodable) * samplesPerPayload)
}

function envelope(deviceId: string, person: number, samples: readonly string[], random: () => number): string {
  const userId = `user-${identifier(`user ${person}`)}`
  const timestamp = isoTime(firstDayMs + days * dayMs + Math.floor(random() * dayMs))
  const head = JSON.stringify({ deviceId, userId }).slice(0, -1)
  const tail = JSON.stringify({ timestamp, appVersion: `4.${person % 3}.1` }).slice(1)
  return `${head},"samples":[${samples.join(',')}],${tail}`
}

function createSample(id: string, person: number, random: () => number): Sample {
  const { type, unit, from, to, lasting } = measurements[Math.floor(random() * measurements.length)]!
  const value = from + Math.floor(random() * ((to - from) * 8 + 1)) / 8
  // A sample ends on the day it starts: the length is taken out of the day.
  const start = Math.floor(random() * days) * dayMs + Math.floor(random() * (dayMs - lasting * 1000))
  const startMs = firstDayMs + start
  const endMs = startMs + Math.floor(random() * lasting) * 1000
  return {
    id,
    type,
    value,
    unit,
    startDate: isoTime(startMs),
    endDate: isoTime(endMs),
    sourceBundle: sources[person % sources.length]!,
    metadata: {
      device: devices[person % devices.length]!,
      wasUserEntered: String(random() < 0.05),
      algorithmVersion: String(person % 5),
    },
    isSynced: random() < 0.9,
    createdAt: isoTime(endMs + 1_000 + Math.floor(random() * 60_000)),
    ...zones[person % zones.length]!,
  }
}

const isoTime = (ms: number): string => new Date(ms).toISOString()

/** Looks like a random id, and is the same in every run. */
const identifier = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 12)

/**
 * A UUID of version 8 (RFC 9562, section 5.8: the content is the maker's own) that no other (seed, payload, sample) has:
 * each word is a bijection of one of them, given the words before it.
 */
function sampleId(seed: number, payload: number, sample: number): string {
  const first = scramble(seed)
  const second = scramble(payload ^ first)
  const third = scramble(sample ^ second)
  const [a, b, c, filler] = [first, second, third, scramble(third ^ 0x5bd1e995)].map(hex)
  return `${a}-${b!.slice(0, 4)}-8${filler!.slice(0, 3)}-8${filler!.slice(3, 6)}-${b!.slice(4)}${c}`
}

const hex = (word: number): string => word.toString(16).padStart(8, '0')

/** A bijection of 32-bit words that spreads every bit (C. Wellons, "Prospecting for Hash Functions", lowbias32). */
function scramble(word: number): number {
  let x = (word + 0x9e3779b9) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

/** Numbers in [0, 1), the same for the same seed and payload. */
function createRandom(seed: number, payload: number): () => number {
  let state = scramble(scramble(seed) ^ payload)
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    return scramble(state) / 2 ** 32
  }
}
