import { join } from 'node:path'
import { answers, apt, built, type Command, clients, execute, type Language, players } from './language.ts'

const folder = join(built, 'python')
/** Two environments: PyTorch for CPUs is a package of Debian's, for Debian's Python and its numpy. */
const main = join(folder, 'main', 'bin', 'python')
const torch = join(folder, 'torch', 'bin', 'python')
const system = '/usr/bin/python3'
const tests = join(players, 'python')

const pytest = (python: string, ...files: readonly string[]): Command => ({
  run: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', ...files],
  in: tests,
})

export const python: Language = {
  name: 'Python',
  folder: 'python',
  tools: [['python3', '--version']],
  async build() {
    await environment(main, ['python3', '-m', 'venv'], 'optax==0.2.8', 'mypy==1.18.2')
    if (!(await answers([system, '-c', 'import torch'])))
      await apt('python3-torch', 'python3-venv', 'python3-numpy')
    await environment(torch, [system, '-m', 'venv', '--system-site-packages'])
  },
  play: { run: [main, join(tests, 'scenario.py')] },
  adapter: { run: [torch, join(tests, 'torch_player.py')] },
  example: {
    fence: 'python',
    file: join(folder, 'example.py'),
    commands: [{ run: [main, join(folder, 'example.py')] }],
  },
  tests: [
    { what: 'the client', command: pytest(main, 'test_session.py', 'test_transport.py') },
    {
      what: 'its types',
      command: { run: [main, '-m', 'mypy', 'src'], in: join(clients, 'python') },
    },
    { what: 'the adapter of PyTorch', command: pytest(torch, 'test_torch.py') },
    { what: 'the adapter of Optax', command: pytest(main, 'test_optax.py') },
  ],
}

async function environment(python: string, make: Command['run'], ...packages: string[]): Promise<void> {
  if (!(await answers([python, '--version']))) await execute({ run: [...make, join(python, '..', '..')] })
  const install = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    'pytest==8.4.2',
    ...packages,
  ]
  await execute({ run: [python, ...install, '--editable', join(clients, 'python')] })
}
