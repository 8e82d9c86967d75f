import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A certificate for localhost that it signs itself, by openssl; where it is, as settings of a server. */
export async function certificate(
  folder: string,
  name: string,
): Promise<{ tlsCert: string; tlsKey: string }> {
  const [tlsCert, tlsKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', tlsKey, '-out', tlsCert]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await run('openssl', ['req', '-x509', ...kind, ...files, ...subject])
  return { tlsCert, tlsKey }
}
