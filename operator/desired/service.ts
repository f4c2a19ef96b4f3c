/** Names the pods for Prometheus; headless, since nothing calls a consumer. Pure. */
import { type Build, child, metricsPort, metricsPortName, podSelector } from './child.ts'

export const service: Build = input =>
  child(
    input,
    { apiVersion: 'v1', kind: 'Service' },
    {},
    {
      spec: {
        clusterIP: 'None',
        // A pod that is not ready is the one that has to be watched.
        publishNotReadyAddresses: true,
        selector: podSelector(input.resource),
        ports: [{ name: metricsPortName, port: metricsPort, targetPort: metricsPortName, protocol: 'TCP' }],
      },
    },
  )
