// Packages that the page is built and tested with, where script/page put them (TIDEMARK_PAGE_MODULES), or under web/.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const modules = process.env.TIDEMARK_PAGE_MODULES ?? new URL('../../../web/node_modules', import.meta.url).pathname;
const require = createRequire(join(modules, '..', 'package.json'));
export const load = async (name) => {
  const found = await import(pathToFileURL(require.resolve(name)));
  return found.default && Object.keys(found.default).length ? found.default : found;
};
