// Packages from npm, wherever script/test put them.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const modules = process.env.TIDEMARK_OUTSIDE_MODULES ?? join(import.meta.dirname ?? '.', 'node_modules');
const require = createRequire(join(modules, '..', 'package.json'));
export const load = (name) => import(pathToFileURL(require.resolve(name)));
