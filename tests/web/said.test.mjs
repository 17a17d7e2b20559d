// What the server says has Portuguese words on the page: every code and every word of a closed set; and the sentences that the
// page knows are still those that the server says. Read from the sources: no browser is needed.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = new URL('../..', import.meta.url).pathname;
const text = (path) => readFileSync(join(root, path), 'utf8');
const said = text('web/src/i18n/said.ts'), shell = text('web/src/i18n/shell.ts');
const STRING = `('(?:[^'\\\\]|\\\\.)*'|"[^"]*")`;
const bare = (quoted) => quoted.slice(1, -1).replace(/\\'/g, "'");
const block = (name) => said.slice(said.indexOf(`export const ${name}`)).split('\n});')[0];
const entries = (source) => new Map([...source.matchAll(new RegExp(`'?([\\w-]+)'?: \\[${STRING}, ${STRING}\\]`, 'g'))].map(([, key, one, other]) => [key, [bare(one), bare(other)]]));
const sentences = [...said.slice(said.indexOf('SENTENCES')).matchAll(new RegExp(`\\[${STRING}, ${STRING}\\]`, 'g'))].map(([, one, other]) => [bare(one), bare(other)]);

const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && /\.(c|h|cc|hpp|def)$/.test(entry.name) && !entry.name.endsWith('_test.c'))
  .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'utf8').replaceAll("'\"'", "' '").replace(/"\s*\n\s*"/g, '')).join('\n');
const formats = new Set([...sources.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map(([, literal]) => literal.replace(/\\"/g, '"').replace(/%%/g, '%').replace(/%[-.*\d]*(?:ll|l|z)?[a-z]/g, '{}')));

test('every error code has words in both languages, the English ones as the server has them', () => {
  const words = entries(block('codeWords'));
  const rows = [...text('src/base/errors.def').matchAll(/^ERR\((\w+),.*?"(.*)"\)/gm)];
  assert.ok(rows.length > 60);
  for (const [, code, english] of rows) {
    assert.ok(words.has(code), `web/src/i18n/said.ts: ${code} has no words`);
    assert.equal(words.get(code)[0], english, code);
    assert.notEqual(words.get(code)[1], english, code);
  }
  assert.deepEqual([...words.keys()].filter((code) => !rows.some((row) => row[1] === code)), [], 'codes that the server does not have');
});

// The words of an enumeration of the API: `EventType: {enum: [...]}` and its kin.
const enumOf = (path, pattern) => {
  const found = pattern.exec(text(path));
  assert.ok(found, `${path}: ${pattern}`);
  return found[1].split(',').map((word) => word.trim()).filter((word) => word !== 'null');
};

test('every word of a closed set of the API has words in both languages', () => {
  const home = text('web/src/pages/home/words.ts'), jobs = text('web/src/pages/jobs/words.ts'), webhooks = text('web/src/pages/webhooks/words.ts'), add = text('web/src/pages/connections/words.ts');
  const runs = text('web/src/pages/runs/words.ts');
  const sets = [
    ['openapi/sync.yaml', /trigger: \{type: \[string, 'null'\], enum: \[(.*?)\]/, block('triggerWords'), ''],
    ['openapi/sync.yaml', /ConnectionStatus: \{.*?enum: \[(.*?)\]/, shell, 's_'],
    ['openapi/sync.yaml', /RunStatus: \{.*?enum: \[(.*?)\]/, shell, 's_', { pending: 'queued', error: 'failed' }],
    ['openapi/sync.yaml', /Verdict:\n +type: .*\n +enum: \[(.*?)\]/, shell, 's_'],
    ['openapi/sync.yaml', /direction: \{type: string, enum: \[(pull, push, both)\]/, runs, ''],
    ['openapi/jobs.yaml', /JobStatus: \{.*?enum: \[(.*?)\]/, shell, 's_'],
    ['openapi/jobs.yaml', /repeat: \{.*?description: '(hourly, daily, weekly, monthly), /, jobs, ''],
    ['openapi/jobs.yaml', / type: \{type: string, enum: \[(.*?)\]/, jobs, 't_'],
    ['openapi/jobs.yaml', /priority: \{type: string, enum: \[(.*?)\]/, jobs, ''],
    ['openapi/webhooks.yaml', /WebhookStatus: \{.*?enum: \[(.*?)\]/, shell, 's_'],
    ['openapi/webhooks.yaml', /trust: \{type: string, enum: \[(.*?)\]/, webhooks, ''],
    ['openapi/events.yaml', /step: \{enum: \[(.*?)\]/, add, 'l_'],
    ['openapi/events.yaml', /status: \{enum: \[(ok, warning.*?)\]/, add, 'l_'],
    ['openapi/events.yaml', /kind: \{enum: \[(.*?)\]/, home, 'n_'],
    ['openapi/events.yaml', /kind: \{enum: \[(.*?)\]/, home, 'a_'],
    ['openapi/events.yaml', /EventType: \{enum: \[(.*?)\]/, home, 'e_'],
    ['openapi/conflicts.yaml', /status: \{type: string, enum: \[(open, resolved)\]/, shell, 's_'],
  ];
  for (const [path, pattern, words, prefix, others = {}] of sets)
    for (const word of enumOf(path, pattern)) {
      const key = prefix + (others[word] ?? word);
      const [, pair] = new RegExp(`(?:^|[\\s{,])'?${key.replace('.', '\\.')}'?: \\[(${STRING}, ${STRING})\\]`, 'm').exec(words) ?? [];
      assert.ok(pair, `${path}: "${word}" has no words (${key})`);
    }
});

test('what runs and the audit log say of themselves has words', () => {
  const known = new Set(sentences.map(([english]) => english)), deeds = entries(block('auditWords'));
  const logged = [...sources.matchAll(/(?:work_log\(w|work_log\(d->work|say\(k), LOG_\w+, "(.*?)"|RUN_LOG\(&[\w>-]+lines, [\w>-]+, LOG_\w+, STR\("(.*?)"\)/g)].map(([, one, other]) => one ?? other);
  assert.ok(logged.length > 10, String(logged));
  assert.deepEqual(logged.filter((line) => line !== 'page' && !known.has(line)), [], 'lines of the log without words');
  const actions = [...sources.matchAll(/(?:audit_add\([^;"]*|integration_audit\(r, |edit_audit\([^;"]*)"([\w-]+)\.([\w-]+)"/g)];
  assert.ok(actions.length > 20);
  for (const [, what, deed] of actions) assert.ok(deeds.has(what) && deeds.has(deed), `${what}.${deed} has no words`);
});

test('each sentence is one that the server says, and no hole is lost in its translation', () => {
  assert.ok(sentences.length > 60);
  const all = [...formats];
  const holes = (words) => [...words.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const [english, portuguese] of sentences) {
    assert.deepEqual(holes(portuguese), holes(english), english);
    const shape = english.replace(/\{\w+\}/g, '{}');
    // Or put together of several.
    const isSaid = /: more records .* than is believable/.test(english) || formats.has(shape) || english.split(/\{\w+\}/).map((part) => part.trim()).filter((part) => part.length > 1).every((part) => all.some((format) => format.includes(part)));
    assert.ok(isSaid, `no source says: ${english}`);
  }
});
