/**
 * What may reach a consumer: its metrics port, nothing else. What it reaches is everything unless the resource names it:
 * brokers tell their own addresses, and catalog and storage lie anywhere; the rule is there so that it goes on in a namespace
 * that denies by default. Pure.
 */
import { type Build, child, metricsPortName, podSelector } from './child.ts'

export const networkPolicy: Build = input =>
  child(
    input,
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
    {},
    {
      spec: {
        podSelector: { matchLabels: podSelector(input.resource) },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ ports: [{ port: metricsPortName, protocol: 'TCP' }] }],
        egress: input.resource.spec.networkPolicy?.egress ?? [{}],
      },
    },
  )
