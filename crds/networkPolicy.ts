/** What the pods of a HealthConsumer may reach. Data only. */
import { z } from 'zod'
import { listOf, passedOn } from './fields.ts'

export const networkPolicy = z.strictObject({
  egress: listOf(passedOn(), 64)
    .optional()
    .describe(
      'What the pods may reach (networking.k8s.io/v1 NetworkPolicyEgressRule): everything by default, with [] only what ' +
        'other policies allow; the API server checks it with the policy.',
    ),
})
