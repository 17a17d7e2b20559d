// Writes src/api/schema.d.ts, the types of the API, from openapi/*.yaml: for the compiler alone, the build needs none.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = process.env.TIDEMARK_ROOT ?? join(here, '..');
const folder = mkdtempSync(join(tmpdir(), 'tidemark-types-'));
try {
  const areas = readdirSync(join(root, 'openapi')).filter((name) => name.endsWith('.yaml') && name !== 'openapi.yaml').sort();
  const inputs = ['openapi.yaml', ...areas].map((name) => join(root, 'openapi', name));
  execFileSync('python3', [join(root, 'script/merge-openapi.py'), '0', join(folder, 'openapi.json'), ...inputs], { stdio: 'inherit' });
  const { default: openapiTS, astToString } = await import('openapi-typescript');
  const text = astToString(await openapiTS(readFileSync(join(folder, 'openapi.json'), 'utf8'), { defaultNonNullable: false }));
  const out = join(here, 'src/api/schema.d.ts');
  if (!existsSync(out) || readFileSync(out, 'utf8') !== text) writeFileSync(out, text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
