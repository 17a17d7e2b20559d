// The route table as the program prints it, for tests that go over every route.
import { tidemark } from './tidemark.mjs';

let table;

// [{method, path: '/api/v1/x/:id', access, dialect, flags: ['creates', ...]}]
export function routes() {
  if (!table) {
    const { code, stdout, stderr } = tidemark(['config', 'reference', 'routes']);
    if (code !== 0) throw new Error(`tidemark config reference routes: ${stderr}`);
    table = stdout.trim().split('\n').map((line) => {
      const [method, path, access, dialect, ...flags] = line.split(' ');
      return { method, path, access, dialect, flags };
    });
  }
  return table;
}
