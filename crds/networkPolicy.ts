/**
 * What the pods of a HealthConsumer may reach. The words are Kubernetes' own (networking.k8s.io/v1 NetworkPolicyEgressRule).
 * Data only.
 */
import { z } from 'zod'
import { int32, listOf, passedOn, reference, text } from './fields.ts'

const address = () => text(/^[0-9A-Fa-f.:]+\/[0-9]{1,3}$/, 'a range of addresses such as 10.0.0.0/8', 43)

const ipBlock = z.strictObject({
  cidr: address().describe('Range of addresses.'),
  except: listOf(address(), 64).optional().describe('Ranges within it that are left out.'),
})

const peer = z.strictObject({
  ipBlock: ipBlock.optional().describe('Addresses; not together with a selector.'),
  podSelector: reference(passedOn()).optional().describe('Pods (meta/v1 LabelSelector).'),
  namespaceSelector: reference(passedOn()).optional().describe('Their namespaces; by default its own.'),
})

const port = z.strictObject({
  port: z
    .union([
      z.int().min(1).max(65_535),
      text(/^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/, 'a port such as 9092, or the name of one', 15),
    ])
    .meta({ 'x-kubernetes-int-or-string': true })
    .optional()
    .describe('Number or name; every one where it is absent.'),
  endPort: int32(1, 65_535).optional().describe('Last port of a range that begins with the port.'),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional().describe('TCP where it is absent.'),
})

const rule = z.strictObject({
  to: listOf(peer, 64).optional().describe('Whom; everybody where it is absent.'),
  ports: listOf(port, 64).optional().describe('At which ports; every one where it is absent.'),
})

export const networkPolicy = z.strictObject({
  egress: listOf(rule, 64)
    .optional()
    .describe('What the pods may reach: everything by default, with [] only what other policies allow.'),
})
