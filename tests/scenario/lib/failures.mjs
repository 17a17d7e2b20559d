// What a failed test leaves to read: its error with its causes, and the last lines of each program it had started.
//
// The runner's own report has neither causes nor logs, so this writes them to stderr at the moment of the failure, between two
// marks; script/run-tests.py shows them beside the failing test.
import { afterEach } from 'node:test';
import { inspect } from 'node:util';

const LOG_LINES = 40, PROGRAMS_MAX = 6;
const launched = [];
let told = 0;

// `output` grows while the program runs: {stdout, stderr}.
export const rememberProgram = (name, child, output) => launched.push({ name, child, output });

const tail = (text) => text.trimEnd().split('\n').slice(-LOG_LINES).join('\n');

function state({ child }) {
  if (child.signalCode !== null) return `ended by ${child.signalCode}`;
  return child.exitCode === null ? 'running' : `ended with ${child.exitCode}`;
}

function tell(what, error) {
  const logs = launched.slice(-PROGRAMS_MAX).map((one) => `log of ${one.name}, process ${one.child.pid}, ${state(one)}:\n${tail(one.output.stderr)}\n`);
  const cause = error ? `${inspect(error, { depth: 8, breakLength: 120 })}\n` : '';
  process.stderr.write(`>>> failed: ${what}\n${cause}${logs.join('')}<<<\n`);
  told++;
}

afterEach((context) => {
  if (context.passed === false) tell(context.fullName ?? context.name, context.error?.cause ?? context.error);
});

// A suite whose start failed runs no test, and so no hook of one.
process.on('exit', () => {
  if (process.exitCode && told === 0) tell('before or after the tests', null);
});
