// Whether the server in this container answers: by the settings that it has itself, over TLS where it speaks TLS.
import http from 'node:http'
import https from 'node:https'

const { STEPD_HOST = '127.0.0.1', STEPD_PORT = '8080', STEPD_TLS_CERT = '' } = process.env
const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[STEPD_HOST] ?? STEPD_HOST
const { get } = STEPD_TLS_CERT === '' ? http : https

/** @param {string} reason */
const fail = (reason) => {
  console.error(reason)
  process.exit(1)
}

// Whose certificate it is matters to those outside.
const options = { host, port: STEPD_PORT, path: '/healthz', rejectUnauthorized: false, timeout: 4000 }
get(options, ({ statusCode }) =>
  statusCode === 200 ? process.exit(0) : fail(`/healthz answers ${statusCode}, expected 200`),
)
  .on('timeout', () => fail('/healthz does not answer within 4 s'))
  .on('error', ({ message }) => fail(message))
