// What a build leaves for script/embed-assets.py: brotli beside each text of assets/, and a list of all files.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const TEXT = /\.(js|css|svg|json)$/;

export function pack(folder) {
  const assets = existsSync(join(folder, 'assets')) ? readdirSync(join(folder, 'assets')).filter((name) => !name.endsWith('.br')) : [];
  for (const name of assets.filter((n) => TEXT.test(n))) {
    const data = readFileSync(join(folder, 'assets', name));
    const packed = brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } });
    writeFileSync(join(folder, 'assets', `${name}.br`), packed);
  }
  const pages = readdirSync(folder).filter((name) => name.endsWith('.html'));
  const files = [...pages, ...assets.map((name) => `assets/${name}`)].sort();
  writeFileSync(join(folder, 'files.txt'), `${files.join('\n')}\n`);
}
