import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runProgram } from '../../../cli/program.ts'
import { referencedSecrets } from '../../../operator/desired/references.ts'
import { childrenOf, consumer, deploymentOf, example, examples, templateOf } from './children.ts'

const specOf = (changes: Readonly<Record<string, unknown>>) => deploymentOf(childrenOf(consumer(changes))).spec

test('the number of pods is said only where no autoscaler says it', () => {
  const scaling = (value: object, more = {}) => specOf({ 'spec.scaling': value, ...more })
  assert.equal(specOf({}).replicas, 1)
  assert.equal(scaling({ replicas: 4 }).replicas, 4)
  assert.equal(scaling({ replicas: 4 }, { 'spec.paused': true }).replicas, 0)
  for (const mode of ['KEDA', 'External']) {
    const autoscaling = { mode, maxReplicas: 3 }
    assert.ok(!('replicas' in scaling({ autoscaling })), mode)
    assert.equal(scaling({ autoscaling }, { 'spec.paused': true }).replicas, 0)
  }
})

test('a rollout never has more pods than asked for', () => {
  const rolling = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }
  assert.deepEqual(specOf({}).strategy, rolling)
  assert.deepEqual(specOf({ 'spec.rollout.strategy': 'Recreate' }).strategy, { type: 'Recreate' })
})

suite('resources are always set, and requests never above limits that somebody set', () => {
  const standard = { requests: { cpu: '250m', memory: '640Mi' }, limits: { memory: '1Gi' } }
  for (const [given, wanted] of [
    [undefined, standard],
    [{}, standard],
    [{ requests: {} }, standard],
    [{ requests: { cpu: 2 } }, { requests: { cpu: 2, memory: '640Mi' }, limits: { memory: '1Gi' } }],
    [{ requests: { memory: '4Gi' } }, { requests: { cpu: '250m', memory: '4Gi' }, limits: {} }],
    [{ limits: { memory: '256Mi' } }, { requests: { cpu: '250m' }, limits: { memory: '256Mi' } }],
    [{ limits: { cpu: '100m' } }, { requests: { memory: '640Mi' }, limits: { cpu: '100m', memory: '1Gi' } }],
  ])
    test(JSON.stringify(given) ?? 'none', () =>
      assert.deepEqual(specOf({ 'spec.pod.resources': given }).template.spec.containers[0].resources, wanted),
    )
})

test('labels and annotations that pods are given do not take away by which they are selected', () => {
  const { selector, template } = specOf({
    'spec.pod.labels': { 'app.kubernetes.io/instance': 'other', team: 'a' },
    'spec.pod.annotations': { 'kubectl.kubernetes.io/default-container': 'other', note: 'b' },
  })
  const { labels, annotations } = template.metadata
  assert.deepEqual({ ...labels, ...selector.matchLabels, team: 'a' }, labels)
  assert.deepEqual(annotations, { note: 'b', 'kubectl.kubernetes.io/default-container': 'consumer' })
})

test('pods are spread by the pods of this consumer unless said otherwise', () => {
  const constraint = { maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }
  const own = { matchLabels: specOf({}).selector.matchLabels }
  const spread = (value?: readonly object[]) =>
    specOf({ 'spec.pod.topologySpreadConstraints': value }).template.spec.topologySpreadConstraints
  assert.deepEqual(
    [spread()[0]!.labelSelector, spread([constraint])[0]!.labelSelector, spread([]).length],
    [own, own, 0],
  )
  const all = { matchLabels: { app: 'all' } }
  assert.deepEqual(spread([{ ...constraint, labelSelector: all }]), [{ ...constraint, labelSelector: all }])
})

test('the platform chooses user and groups, but for a volume that the warehouse lies on', () => {
  const contextWith = (fields: Readonly<Record<string, unknown>>) => specOf(fields).template.spec.securityContext
  const restricted = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }
  const claim = (more = {}) => ({
    'spec.iceberg.storage': { persistentVolumeClaim: { claimName: 'a', ...more } },
  })
  const onVolume = (fsGroup: number) => ({ ...restricted, fsGroup, fsGroupChangePolicy: 'OnRootMismatch' })
  assert.deepEqual(contextWith({}), restricted)
  assert.deepEqual(contextWith(claim()), onVolume(1000))
  assert.deepEqual(contextWith(claim({ fsGroup: 1_000_650_000 })), onVolume(1_000_650_000))
})

test('a Secret is mounted once whoever refers to it, read-only, at its name below --secrets-dir', () => {
  const dotted = 'kafka.example.com'
  const children = childrenOf(
    consumer({
      'spec.kafka.tls': { caSecretRef: { name: dotted }, clientCertificateSecretRef: { name: 'client' } },
      'spec.kafka.sasl': { mechanism: 'plain', secretRef: { name: dotted } },
    }),
  )
  const { volumes, containers } = templateOf(children).spec
  const secrets = volumes.filter(({ secret }) => secret !== undefined)
  assert.deepEqual(
    secrets.map(({ secret }) => secret!.secretName),
    ['client', dotted],
  )
  const { args, volumeMounts } = containers[0]
  const folder = args[args.indexOf('--secrets-dir') + 1]
  for (const { name, secret } of secrets) {
    assert.match(name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
    const mount = volumeMounts.find(each => each.name === name)
    assert.equal(secret!.defaultMode, 0o444, 'whoever the platform makes the user')
    assert.deepEqual(mount, { name, mountPath: `${folder}/${secret!.secretName}`, readOnly: true })
  }
})

for (const name of examples)
  test(`every volume of ${name} is mounted once, and what it refers to is there`, () => {
    const resource = example(name)
    const { volumes, containers } = templateOf(childrenOf(resource)).spec
    const mounts = containers[0].volumeMounts
    assert.deepEqual(
      mounts.map(mount => mount.name),
      volumes.map(volume => volume.name),
    )
    assert.equal(new Set(mounts.map(({ mountPath }) => mountPath)).size, mounts.length)
    const secrets = volumes.flatMap(({ secret }) => secret?.secretName ?? [])
    assert.deepEqual(secrets, referencedSecrets(resource))
  })

test('the command knows every option that its pods are started with', async () => {
  const shown: string[] = []
  await runProgram(['run', '--help'], { out: text => shown.push(text), err: () => {}, exitCode: 0 })
  const [command, ...args] = templateOf(childrenOf(consumer())).spec.containers[0].args
  assert.equal(command, 'run')
  for (const option of args.filter(arg => arg.startsWith('-')))
    assert.match(shown.join(''), new RegExp(`^ +(-\\w, )?${option}[ ,]|^ +${option}, `, 'm'))
})
