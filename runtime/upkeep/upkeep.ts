/**
 * Upkeep of the two tables, once for a person or again and again in the background of one pod. It works beside commits,
 * of this pod and of others, through the same compare-and-swap; what fails is told and tried again later, and never
 * ends or holds up the pipeline.
 */
import { type UpkeepReport, type UpkeepStep, upkeepSteps } from '../contract/upkeep.ts'
import { type ExpiryOptions, expireSnapshots, type StepResult } from './expiry.ts'
import { removeMetadataVersions } from './metadataVersions.ts'
import { removeOrphans } from './orphans.ts'
import { bothTables, qualified } from './pair.ts'
import type { UpkeepPorts, UpkeepSettings } from './ports.ts'

export interface MaintainOptions extends Partial<ExpiryOptions> {
  /** All of them where it is not said. */
  readonly steps?: readonly UpkeepStep[]
}

export interface Upkeep {
  /** Does the steps now. Rejects with HaltError, SharedLocationError, CatalogError, StorageError or the signal's reason. */
  maintain(options: MaintainOptions, signal: AbortSignal): Promise<UpkeepReport>
  /** Looks from time to time until the signal is aborted, then resolves. Never rejects. */
  run(signal: AbortSignal): Promise<void>
}

/** Between two looks, on average. */
const lookMs = 600_000
const orphansMs = 86_400_000
/** Also after a failure, and after the start: a process that starts again and again must not list every file each time. */
const orphansRetryMs = 3_600_000

export function createUpkeep(ports: UpkeepPorts, settings: UpkeepSettings): Upkeep {
  const maintain: Upkeep['maintain'] = async (options, signal) => {
    const { dryRun = false, onlyIfWorthwhile = false, progress, steps = upkeepSteps } = options
    const results: StepResult[] = []
    const snapshots: Record<string, number> = {}
    for (const step of upkeepSteps.filter(it => steps.includes(it))) {
      if (step === 'orphans') results.push(await removeOrphans(ports, settings, { dryRun, progress }, signal))
      else
        for (const which of bothTables) {
          const result =
            step === 'expiry'
              ? await expireSnapshots(ports, settings, which, { dryRun, onlyIfWorthwhile, progress }, signal)
              : await removeMetadataVersions(ports, settings, which, dryRun, signal)
          if (result.snapshots !== undefined) snapshots[qualified(settings[which])] = result.snapshots
          results.push(result)
        }
    }
    return {
      dryRun,
      items: results.flatMap(({ items }) => items),
      snapshots,
      left: [...new Set(results.flatMap(({ left }) => left))],
    }
  }

  /** Tells whether it went well. */
  async function inBackground(step: UpkeepStep, signal: AbortSignal): Promise<boolean> {
    try {
      ports.observer.done(step, await maintain({ steps: [step], onlyIfWorthwhile: true }, signal))
      return true
    } catch (error) {
      if (!signal.aborted) ports.observer.failed(step, error)
      return false
    }
  }

  return {
    maintain,
    async run(signal) {
      let orphansAtMs = ports.now() + orphansRetryMs
      while (await waited(ports, lookMs * (0.5 + ports.random()), signal)) {
        if (!ports.mayAct()) continue
        await inBackground('expiry', signal)
        if (settings.ownsMetadataFiles) await inBackground('metadata', signal)
        if (!settings.orphanRemoval.enabled || ports.now() < orphansAtMs || signal.aborted) continue
        orphansAtMs = ports.now() + ((await inBackground('orphans', signal)) ? orphansMs : orphansRetryMs)
      }
    },
  }
}

/** False once aborted. */
const waited = ({ sleep }: UpkeepPorts, ms: number, signal: AbortSignal): Promise<boolean> =>
  sleep(ms, signal).then(
    () => !signal.aborted,
    () => false,
  )
