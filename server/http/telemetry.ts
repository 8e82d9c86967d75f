import type { FastifyReply, FastifyRequest } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { Durations } from './durations.ts'
import type { Server, Services } from './services.ts'
import { Timing } from './timing.ts'

/** Sessions in the store are counted by listing them: not at every scrape. */
const countEvery = 60_000

/** What the process says of itself, the delay of its event loop above all: one for all servers in it. */
const ofProcess = new Registry()
let begun = false

/** Metrics of one server, in the text form of Prometheus. Labels are routes and codes, never ids or tenants. */
export class Telemetry {
  readonly #registry = new Registry()
  readonly #services: Services
  readonly #requests = new Durations(
    this.#registry,
    'stepd_request_duration_seconds',
    'From the head of a request to the end of its answer',
  )
  readonly #stages = new Durations(
    this.#registry,
    'stepd_step_stage_duration_seconds',
    'Stages of steps, as in Server-Timing',
  )
  readonly #problems = this.#counter('problems_total', 'Refusals and faults', ['code'])
  readonly #moved = new Map<string, { read: number; written: number }>()
  #stored = { count: 0, at: Number.NEGATIVE_INFINITY }

  constructor(services: Services) {
    this.#services = services
    const { sessions, engine } = services
    this.#bytes('request_body_bytes_total', 'Bytes of bodies, as they were announced', 'read')
    this.#bytes('response_body_bytes_total', 'Bytes of answers', 'written')
    this.gauge('sessions_live', 'Sessions in engine memory', () => sessions.census().sessions)
    this.gauge('state_live_bytes', 'Their state', () => sessions.census().bytes)
    this.gauge(
      'journal_entries',
      'Entries since the snapshots of live sessions',
      () => sessions.census().entries,
    )
    this.gauge('journal_bytes', 'Bytes of these entries', () => sessions.census().journal)
    this.gauge('sessions_stored', 'Sessions in the store, counted once a minute', () => this.#countStored())
    if (engine.memoryBytes !== undefined)
      this.gauge('engine_memory_bytes', 'Memory that the engine has taken', engine.memoryBytes)
  }

  attach(app: Server): void {
    const { now } = this.#services
    app.addHook('onRequest', (request: FastifyRequest, _response: FastifyReply, done) => {
      request.timing = new Timing(now)
      done()
    })
    app.addHook('onResponse', (request: FastifyRequest, response: FastifyReply, done) => {
      const { method, about, headers } = request
      const route = about.url ?? 'none'
      const code = String(response.statusCode)
      this.#requests.observe(`${method} ${route} ${code}`, response.elapsedTime / 1000, () => ({
        method,
        route,
        code,
      }))
      const moved = this.#moved.get(route) ?? { read: 0, written: 0 }
      moved.read += Number(headers['content-length']) || 0
      moved.written += Number(response.getHeader('content-length')) || 0
      this.#moved.set(route, moved)
      if (request.problem !== undefined) this.#problems.inc({ code: request.problem })
      request.timing.each((stage, ms) => this.#stages.observe(stage, ms / 1000, () => ({ stage })))
      done()
    })
  }

  /** Something that is asked for its value at every scrape. */
  gauge(name: string, help: string, value: () => number | Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name: `stepd_${name}`,
      help,
      registers: [this.#registry],
      collect: async () => gauge.set(await value()),
    })
  }

  async text(): Promise<{ readonly type: string; readonly body: string }> {
    if (!begun) collectDefaultMetrics({ register: ofProcess })
    begun = true
    const all = Registry.merge([this.#registry, ofProcess])
    return { type: all.contentType, body: await all.metrics() }
  }

  /** A counter of bytes by route, summed up as requests end and handed on when it is asked for. */
  #bytes(name: string, help: string, way: 'read' | 'written'): void {
    const counter = new Counter({
      name: `stepd_${name}`,
      help,
      labelNames: ['route'],
      registers: [this.#registry],
      collect: () => {
        counter.reset()
        for (const [route, moved] of this.#moved) counter.inc({ route }, moved[way])
      },
    })
  }

  #counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name: `stepd_${name}`, help, labelNames, registers: [this.#registry] })
  }

  async #countStored(): Promise<number> {
    const { store, now } = this.#services
    if (now() - this.#stored.at < countEvery) return this.#stored.count
    this.#stored = { ...this.#stored, at: now() }
    let count = 0
    let cursor: string | undefined
    do {
      const page = await store.list('', 1000, cursor)
      count += page.keys.length
      cursor = page.cursor
    } while (cursor !== undefined)
    this.#stored = { count, at: now() }
    return count
  }
}
