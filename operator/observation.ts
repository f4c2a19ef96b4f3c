/** What a reconcile has seen of one HealthConsumer: all that its status is made of. Types and three small makers; pure. */
import type { HealthConsumer, HealthConsumerStatus } from '../crds/healthconsumer.ts'
import type { Problem } from '../crds/problems.ts'
import type { ContentProblem } from '../runtime/contract/secretContents.ts'
import type { ApplyOutcome } from './apply.ts'
import type { Dependency } from './desired/references.ts'
import type { PipelineFacts } from './pipelineFacts.ts'
import type { DeploymentFacts, PodFacts } from './workload.ts'

export interface Observation {
  readonly name: string
  readonly generation: number
  /** The newest status that is known. */
  readonly previous: HealthConsumerStatus | undefined
  /** With its defaults; undefined where the spec is wrong. */
  readonly resource: HealthConsumer | undefined
  readonly problems: readonly Problem[]
  /** Fields that the pods run without, each with the reason. */
  readonly leftOut: readonly string[]
  readonly missing: readonly MissingDependency[]
  /** Undefined where nothing was applied, because the spec is wrong. */
  readonly applied: ApplyOutcome | undefined
  /** Revision that the pods are to run, and the one that the spec asks for. */
  readonly revision: { readonly applied: string; readonly wanted: string } | undefined
  /** Its own, not one of the same name. */
  readonly deployment: DeploymentFacts | undefined
  readonly pods: readonly PodFacts[]
  /** Undefined where the pods were not asked since this process began. */
  readonly pipeline: PipelineFacts | undefined
}

export interface MissingDependency extends Dependency {
  /** A key that the object lacks; undefined where the object itself is not there. */
  readonly missingKey?: string
  /** What is wrong with what it holds; undefined where something is missing. */
  readonly wrong?: ContentProblem
}

export type Condition = NonNullable<HealthConsumerStatus['conditions']>[number]
/** What a condition says: one word for programs, a sentence for people. */
export type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>

export const yes = (reason: string, message: string): Verdict => ({ status: 'True', reason, message })
export const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message })
export const unknown = (reason: string, message: string): Verdict => ({ status: 'Unknown', reason, message })
