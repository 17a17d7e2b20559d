// Stands before a platform and keeps what is asked of it waiting while it is shut, so that a run goes on as long as a test wants.
import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';

export async function startGate(url) {
  let left = Infinity, paceMs = 0, line = Promise.resolve(), opened = () => {};
  const pass = async () => {
    while (left <= 0) await new Promise((done) => { opened = done; });
    left -= 1;
    if (paceMs) await new Promise((done) => setTimeout(done, paceMs));
  };
  const server = createServer((request, response) => {
    line = line.then(pass);   // one after another, as they came
    line.then(() => {
      if (response.destroyed) return;
      const onward = ask(url + request.url, { method: request.method, headers: { ...request.headers, host: new URL(url).host } }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const set = (count, ms) => { left = count; paceMs = ms; opened(); };
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    // So many are let through, each after `ms`; who comes later waits.
    shut: (count = 0, ms = 0) => set(count, ms),
    open: () => set(Infinity, 0),
    stop: () => { server.closeAllConnections(); server.close(); },
  };
}
