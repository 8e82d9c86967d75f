import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { Packr } from 'msgpackr'
import { buildApp } from '../server/app.ts'
import { type Config, readConfig } from '../server/config.ts'
import type { Server } from '../server/http/services.ts'

const packr = new Packr({ useRecords: false })

/** An answer, decoded by its own Content-Type. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any
  readonly raw: Buffer
}

/** The service in this process, talked to as a client would, without a socket. */
export class TestApp {
  readonly server: Server

  private constructor(server: Server) {
    this.server = server
  }

  static async start(config: Partial<Config> = {}): Promise<TestApp> {
    return TestApp.of(await buildApp({ ...readConfig({}), store: 'memory:', ...config }, false))
  }

  /** Around a server that was put together otherwise. */
  static of(server: Server): TestApp {
    return new TestApp(server)
  }

  async send(
    method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const content =
      body === undefined
        ? {}
        : { payload: packr.pack(body), headers: { 'content-type': 'application/msgpack', ...headers } }
    return decode(await this.server.inject({ method, url, headers, ...content }))
  }

  async raw(options: InjectOptions): Promise<Answer> {
    return decode(await this.server.inject(options))
  }

  close(): Promise<void> {
    return this.server.close()
  }
}

function decode({ statusCode: status, headers, rawPayload: raw }: LightMyRequestResponse): Answer {
  const type = String(headers['content-type'] ?? '')
  const read = type.includes('json') ? () => JSON.parse(raw.toString()) : () => packr.unpack(raw)
  const body = raw.length === 0 || /^text\/|octet-stream/.test(type) ? undefined : read()
  return { status, headers, body, raw }
}

/** Numbers as the bytes of F32 tensors. */
export const f32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)
/** Bytes of F32 tensors as numbers. */
export const floats = (bytes: Uint8Array): number[] => [...new Float32Array(new Uint8Array(bytes).buffer)]

/** A folder of its own that is gone after the work. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'stepd-test-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
