import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { parse, parseAllDocuments } from 'yaml'
import { readConfig } from '../../server/config.ts'
import { TestApp } from '../app.ts'
import { placeOf, readStages, source } from './files.ts'

// What the manifests say of the server, held against the server. Their form is server/deploy/lint.sh's.

// biome-ignore lint/suspicious/noExplicitAny: manifests are of every shape
type Any = any
const folder = 'server/deploy/kubernetes'
const manifests: readonly Any[] = readdirSync(placeOf(folder)).flatMap((file) =>
  parseAllDocuments(source(`${folder}/${file}`)).map((document) => document.toJS()),
)
const one = (kind: string): Any => {
  const found = manifests.filter((manifest) => manifest.kind === kind)
  assert.equal(found.length, 1, kind)
  return found[0]
}
const pod = one('Deployment').spec.template.spec
const [container] = pod.containers
const compose: Any = parse(source('compose.yaml'), { merge: true })
const servers: readonly [string, Any][] = Object.entries<Any>(compose.services).filter(
  ([, { image }]) => image === 'stepd:cpu',
)
const mib = (text: string) => parseInt(text, 10) * (text.includes('G') ? 1024 : 1)

test('what is set is a setting of the server, and fits into the memory that it is given', () => {
  const env: Record<string, string> = { ...one('ConfigMap').data, STEPD_STORE: 'redis-cluster://a,b' }
  for (const { name } of container.env) assert.ok(name in env, name)
  const { memoryLimit, flightLimit, keysFile } = readConfig(env)
  assert.ok((memoryLimit + flightLimit) / 2 ** 20 < mib(container.resources.limits.memory))
  assert.ok(keysFile.startsWith(`${container.volumeMounts[0].mountPath}/`))
  assert.equal(servers.length, 2)
  for (const [, { environment }] of servers) assert.equal(readConfig(environment).store, 'redis://redis:6379')
})

test('what is probed is a route, and what is named is there', async () => {
  const app = await TestApp.start()
  try {
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      assert.equal((await app.send('GET', container[probe].httpGet.path)).status, 200)
    const [job] = parse(source('server/deploy/prometheus.yaml')).scrape_configs
    assert.equal((await app.send('GET', job.metrics_path ?? '/metrics')).status, 200)
    assert.deepEqual(
      job.static_configs[0].targets,
      servers.map(([name]) => `${name}:8080`),
    )
  } finally {
    await app.close()
  }
  const conf = source('server/deploy/nginx.conf')
  for (const [name] of servers) assert.match(conf, new RegExp(`server ${name}:8080 resolve`))
  const { name } = one('Service').metadata
  for (const { backend } of one('Ingress').spec.rules[0].http.paths) assert.equal(backend.service.name, name)
  const listed = one('Kustomization').resources
  assert.deepEqual([...listed, 'kustomization.yaml'].sort(), readdirSync(placeOf(folder)).sort())
})

test('pods are chosen by one label, everywhere', () => {
  const label = { 'app.kubernetes.io/name': 'stepd' }
  const { spec } = one('Deployment')
  assert.deepEqual(spec.template.metadata.labels, label)
  for (const { matchLabels } of [spec.selector, one('PodDisruptionBudget').spec.selector])
    assert.deepEqual(matchLabels, label)
  assert.deepEqual(one('Service').spec.selector, label)
})

test('a pod runs as the image does, writes nowhere, and has the time that a server takes to stop', () => {
  const user = readStages()
    .at(-1)
    ?.does.find(({ name }) => name === 'USER')?.rest
  const { runAsUser, runAsGroup, runAsNonRoot } = pod.securityContext
  assert.equal(`${runAsUser}:${runAsGroup}`, user)
  assert.ok(runAsNonRoot && container.securityContext.readOnlyRootFilesystem)
  assert.deepEqual(container.securityContext.capabilities, { drop: ['ALL'] })
  // Else a Service of that name would set STEPD_PORT, and the server would not start.
  assert.equal(pod.enableServiceLinks, false)
  assert.throws(() => readConfig({ STEPD_PORT: 'tcp://10.0.0.1:80' }), /STEPD_PORT/)
  const [, limit] = /drainLimit = (\d+)/.exec(source('server/app.ts')) ?? []
  const needed = Number(limit) / 1000 + container.lifecycle.preStop.sleep.seconds
  assert.ok(needed > 9 && pod.terminationGracePeriodSeconds > needed + 5)
  for (const [, { stop_grace_period, read_only }] of servers)
    assert.ok(read_only && Number.parseInt(stop_grace_period, 10) > Number(limit) / 1000)
})

test('proxies wait as long as a step may, and hash by the session', () => {
  const wire = source('schemas/wire.ts')
  const [, most] = /wait_ms[^\n]*maximum: ([\d_]+)/.exec(wire) ?? []
  const limit = Number(most?.replaceAll('_', '')) / 1000
  assert.ok(limit >= 300)
  const { annotations } = one('Ingress').metadata
  const conf = source('server/deploy/nginx.conf')
  const [, own] = /proxy_read_timeout (\d+)s;/.exec(conf) ?? []
  for (const seconds of [
    own,
    annotations['nginx.ingress.kubernetes.io/proxy-read-timeout'],
    annotations['nginx.org/proxy-read-timeout'],
  ])
    assert.ok(Number.parseInt(seconds, 10) > limit, `${seconds} s, and a step may wait ${limit} s`)
  assert.equal(annotations['nginx.ingress.kubernetes.io/upstream-hash-by'], '$stepd_session')
  assert.equal(annotations['nginx.org/lb-method'], 'hash $stepd_session consistent')
})
