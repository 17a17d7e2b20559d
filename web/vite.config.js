// Builds the page into a folder that script/embed-assets.py puts into the program: hashed names, no inline code.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { defineConfig, transformWithEsbuild } from 'vite';

import { pack } from './pack.js';

// The files of each address's code that are not in the first load: [['/runs', ['Runs-1.js', 'Table-2.js']], ...].
function codeOf(bundle) {
  const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
  const withImports = (name, found = new Set()) => {
    if (!found.has(name)) { found.add(name); bundle[name].imports.forEach((other) => withImports(other, found)); }
    return found;
  };
  const first = withImports(chunks.find((chunk) => chunk.isEntry).fileName);
  const routes = [...readFileSync('src/pages/index.ts', 'utf8').matchAll(/\{ path: '([^']+)'.*import\('\.\/([^']+)'\)/g)];
  if (!routes.length) throw new Error('src/pages/index.ts: no routes were found');
  return routes.map(([, path, source]) => {
    const page = chunks.find((chunk) => chunk.facadeModuleId?.endsWith(`/src/pages/${source}.tsx`));
    if (!page) throw new Error(`src/pages/${source}.tsx has no chunk of its own`);
    const scripts = [...withImports(page.fileName)].filter((name) => !first.has(name));
    const styles = scripts.flatMap((name) => [...bundle[name].viteMetadata.importedCss]);
    return [path, [...scripts, ...new Set(styles)].map((name) => name.replace('assets/', ''))];
  });
}

// src/first.ts is one file that imports nothing, and the first of the page's scripts. It holds the names of all others, so it
// is made when they are there.
async function addFirst(folder, code) {
  const made = await transformWithEsbuild(readFileSync('src/first.ts', 'utf8'), 'first.ts', { minify: true, sourcemap: false, target: 'es2022', define: { CODE: JSON.stringify(code) } });
  const name = `first-${createHash('sha256').update(made.code).digest('base64url').slice(0, 8)}.js`;
  writeFileSync(join(folder, 'assets', name), made.code);
  const page = join(folder, 'index.html'), html = readFileSync(page, 'utf8');
  if (!html.includes('<!--first-->')) throw new Error('index.html: no place for the first script');
  writeFileSync(page, html.replace('<!--first-->', `<script type="module" async crossorigin src="/assets/${name}"></script>`));
}

const packed = () => {
  let folder = '', code = [];
  return {
    name: 'pack', apply: 'build', enforce: 'post',
    configResolved(config) { folder = config.build.outDir; },
    generateBundle(_, bundle) { code = codeOf(bundle); },
    async closeBundle() { await addFirst(folder, code); pack(folder); },
  };
};

// What every page needs stands apart from our own code, so that a new release does not fetch it again. What pages with lists
// share is one file: a dozen small ones would be two rounds of six requests.
const BASE = /node_modules\/(react|react-dom|scheduler|wouter|regexparam|@tanstack\/(react-)?query(-core)?)\//;
const LISTS = new RegExp(['src/parts/(Table|Status|filters|fields|lists)\\b', 'src/api/(list|names|download)\\b', 'src/pages/(records/kinds|runs/numbers)\\b',
  'tanstack/(react-virtual|virtual-core)/', '/(find-element-in-shadow-dom|InputsGroupFieldset|use-previous|InlineInput|get-auto-contrast-value)\\b', 'mantine/core/esm/components/(Checkbox|TextInput|Select|Combobox/(?!ComboboxChevron|get-parsed|Combobox.module))'].join('|'));
const chunkOf = (id) => (BASE.test(id) ? 'base' : LISTS.test(id) ? 'lists' : undefined);

const server = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [packed()],
  esbuild: { jsx: 'automatic' },
  build: {
    target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false, chunkSizeWarningLimit: 2000,
    rollupOptions: {
      output: {
        manualChunks: chunkOf, onlyExplicitManualChunks: true,
      },
    },
  },
  server: { proxy: Object.fromEntries(['/api', '/openapi.json', '/docs', '/healthz'].map((path) => [path, { target: server, changeOrigin: true }])) },
});
