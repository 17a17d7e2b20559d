// Builds the page into a folder that script/embed-assets.py puts into the program: hashed names, no inline code, brotli
// beside each text, and files.txt, which names them all.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

import { defineConfig } from 'vite';

const TEXT = /\.(js|css|svg|json)$/;

function pack(folder) {
  const assets = readdirSync(join(folder, 'assets')).filter((name) => !name.endsWith('.br'));
  for (const name of assets.filter((n) => TEXT.test(n))) {
    const data = readFileSync(join(folder, 'assets', name));
    const packed = brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } });
    writeFileSync(join(folder, 'assets', `${name}.br`), packed);
  }
  const files = ['index.html', ...assets.map((name) => `assets/${name}`)].sort();
  writeFileSync(join(folder, 'files.txt'), `${files.join('\n')}\n`);
}

const packed = () => {
  let folder = '';
  return {
    name: 'pack', apply: 'build',
    configResolved(config) { folder = config.build.outDir; },
    closeBundle() { pack(folder); },
  };
};

const server = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [packed()],
  esbuild: { jsx: 'automatic' },
  build: {
    target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false, chunkSizeWarningLimit: 2000,
    rollupOptions: {
      output: {
        // What every page needs stands apart from our own code, so that a new release does not fetch it again.
        manualChunks: (id) => (/node_modules\/(react|react-dom|scheduler|wouter|regexparam|@tanstack\/(react-)?query(-core)?)\//.test(id) ? 'base' : undefined),
      },
    },
  },
  server: { proxy: Object.fromEntries(['/api', '/openapi.json', '/docs', '/healthz'].map((path) => [path, { target: server, changeOrigin: true }])) },
});
