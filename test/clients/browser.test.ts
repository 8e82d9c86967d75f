import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Site, startSite } from '../../client/typescript/examples/browser/site.ts'
import { tensors, unpack } from '../../client/typescript/examples/mnist/model.ts'
import { connect } from '../../client/typescript/index.ts'
import { ServerProcess } from '../process.ts'
import { findChromium } from '../setup.ts'

/** As root it has no sandbox, and it has no business of its own in the net. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const executablePath = findChromium()
// Where everything can be installed nothing may be left out.
const skip = executablePath === undefined && process.env.CI === undefined && 'chromium is not installed'

it('is served beside a server that lets it in', async () => {
  const main = join(import.meta.dirname, '../../client/typescript/examples/browser/main.js')
  const demo = spawn(process.execPath, [main, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(demo, 'exit')
  try {
    const [line] = await once(createInterface(demo.stdout), 'line')
    const { origin, searchParams } = new URL(String(line).replace('Open ', ''))
    assert.match(await (await fetch(origin)).text(), /<title>stepd in the browser/)
    for (const path of ['/client/index.js', '/msgpackr/index.js', '/tfjs/tf.fesm.min.js', '/style.css'])
      assert.equal((await fetch(`${origin}${path}`)).status, 200, path)
    for (const path of ['/server/main.js', '/client/..%2f..%2fpackage.json', '/digits/', '/client/none.js'])
      assert.equal((await fetch(`${origin}${path}`)).status, 404, path)
    const { headers } = await fetch(`${searchParams.get('server')}/v1/sessions`, { headers: { origin } })
    assert.equal(headers.get('access-control-allow-origin'), origin)
  } finally {
    demo.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
  }
})

describe('the page in Chromium', { skip }, () => {
  let browser: Browser
  let listed: Site
  let unlisted: Site
  let server: ServerProcess
  const broken: Error[] = []
  before(async () => {
    ;[listed, unlisted] = await Promise.all([startSite(0), startSite(0)])
    server = await ServerProcess.start({ STEPD_STORE: 'memory:', STEPD_CORS_ORIGINS: listed.origin })
    assert.ok(executablePath !== undefined, 'chromium is not installed')
    browser = await chromium.launch({ executablePath, args })
  })
  after(async () => {
    await browser?.close()
    await Promise.all([listed.stop(), unlisted.stop(), server.stop()])
    assert.deepEqual(broken, [])
  })

  /** The page, ready to start, in a profile of its own; `asked` fills with where its requests go. */
  async function open(site: Site, asked = new Set<string>()): Promise<Page> {
    const page = await browser.newPage()
    page.setDefaultTimeout(120_000)
    page.on('request', (request) => asked.add(new URL(request.url()).origin))
    page.on('pageerror', (error) => broken.push(error))
    await page.goto(`${site.origin}/?server=${server.url}`)
    await page.waitForSelector('#start:enabled')
    return page
  }

  const numberOf = async (page: Page, id: string): Promise<number> =>
    Number.parseFloat((await page.textContent(`#${id}`)) ?? '')
  const failure = (page: Page, what: RegExp): Promise<void> =>
    page.locator('#failure', { hasText: what }).waitFor()
  const sessions = async (): Promise<number> => (await connect(server.url).sessions()).sessions.length

  it('trains, and its steps and parameters are those of the server', async () => {
    const asked = new Set<string>()
    const page = await open(listed, asked)
    await page.fill('[name=chain]', 'chain(clip(1.0), centralize(), adam(3e-3))')
    await page.fill('[name=digits]', '12000')
    await page.click('#start')
    await page.waitForFunction(
      () => Number.parseInt(document.querySelector('#step')?.textContent ?? '', 10) > 0,
    )
    const first = await numberOf(page, 'loss')
    await page.waitForSelector('#outcome:not([hidden])')

    assert.equal(await page.textContent('#step'), '120 of 120')
    const last = await numberOf(page, 'loss')
    assert.ok(last < 0.35 * first, `the loss went from ${first} to ${last}`)
    const accuracy = await numberOf(page, 'accuracy')
    assert.ok(accuracy > 85, `accuracy ${accuracy} %`)
    assert.equal(await page.locator('#digits figure.right, #digits figure.wrong').count(), 40)
    const points = await page.locator('#curve polyline.raw').first().getAttribute('points')
    assert.equal(points?.split(' ').length, 120)
    // No part of it comes from anywhere else.
    assert.deepEqual(
      [...asked].filter((origin) => origin !== 'null').sort(),
      [listed.origin, server.url].sort(),
    )

    const [{ id } = { id: '' }] = (await connect(server.url).sessions()).sessions
    const session = await connect(server.url).open(id)
    assert.equal(session.currentStep, 120)
    const kept = await session.params()
    const saved = await page.evaluate(async () => {
      const link = document.querySelector<HTMLAnchorElement>('#outcome a')
      return [...new Uint8Array(await (await fetch(link?.href ?? '')).arrayBuffer())]
    })
    const own = unpack(new Float32Array(Uint8Array.from(saved).buffer))
    for (const [i, { name }] of tensors.entries()) assert.deepEqual(own[i], kept[name])
    assert.match((await page.textContent('#outcome')) ?? '', /at step 120, .* bit for bit/)
    await page.close()
  })

  it('stops when told to, and starts again', async () => {
    const page = await open(listed)
    const begun = await sessions()
    await page.click('#start')
    await page.waitForFunction(
      () => Number.parseInt(document.querySelector('#step')?.textContent ?? '', 10) > 3,
    )
    await page.click('#stop')
    await page.locator('#state', { hasText: 'Stopped' }).waitFor()
    const stopped = await numberOf(page, 'step')
    assert.ok(stopped < 600)
    await page.click('#start')
    await page.waitForFunction(
      (before) => Number.parseInt(document.querySelector('#step')?.textContent ?? '', 10) < before,
      stopped,
    )
    await page.click('#stop')
    await page.locator('#state', { hasText: 'Stopped' }).waitFor()
    assert.equal(await sessions(), begun + 2)
    await page.close()
  })

  it('says what the server refuses, and where in the chain', async () => {
    const page = await open(listed)
    await page.fill('[name=chain]', 'chain(clip(1.0) adam(1e-3))')
    await page.click('#start')
    await failure(page, /malformed_chain/)
    assert.equal(await page.textContent('#failure pre'), `chain(clip(1.0) adam(1e-3))\n${' '.repeat(16)}▲`)
    await page.fill('[name=chain]', 'adma(1e-3)')
    await page.click('#start')
    await failure(page, /unknown_transformation/)
    await page.fill('[name=server]', 'http://127.0.0.1:9')
    await page.click('#start')
    await failure(page, /No answer from the server.*STEPD_CORS_ORIGINS=/s)
    await page.close()
  })

  it('may not be of an origin that the server does not list', async () => {
    const begun = await sessions()
    const page = await open(unlisted)
    await page.click('#start')
    await failure(page, new RegExp(`No answer from the server.*STEPD_CORS_ORIGINS=${unlisted.origin}`, 's'))
    assert.equal(await sessions(), begun)
    // Nor can it read what it may ask without asking first.
    const read = (url: string) => fetch(url).then((answer) => answer.text(), String)
    const url = `${server.url}/v1/sessions`
    assert.match(await page.evaluate(read, url), /TypeError: Failed to fetch/)
    const other = await open(listed)
    assert.match(await other.evaluate(read, url), /"sessions"/)
    const named = (url: string) => fetch(url).then(({ headers }) => headers.get('x-request-id'))
    assert.match((await other.evaluate(named, url)) ?? 'none', /^[\w-]{12}-[0-9a-z]+$/)
    await Promise.all([page.close(), other.close()])
  })
})
