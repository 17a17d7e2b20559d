#!/usr/bin/env python3
"""Benchmarks: what the product does beside what the machine can do, on the same data in the same run.

  sync-create   100,000 new contacts of 940 bytes, pages of 100, from a local HTTP server; ratio to the bare loop
  sync-skip     the same again, unchanged
  sync-update   the same again, every record changed
  sync-scale    create 20,000 with 10 thousand and with 1 million records present; ordered and random ids
  postgres-sync create on PostgreSQL; ratio to a bare loop over arrays
  idle          memory and processor use with 0, 1,000 and 10,000 connections; start until ready
  webhooks      signed Chatwoot events from 64 clients, acknowledged after the commit; ratio to a bare group commit of the same rows
  api           list 100 of N contacts and get one, 64 clients; requests/s and p99 (wrk); export of all as NDJSON, memory
  jobs          queue one by one and 16 in flight, finish jobs that find nothing (queued beforehand), time until a start
  memory        peak memory of a process that syncs 100,000 records

Without names all run but sync-scale, which takes minutes. A ratio is the product's rows per second beside the
bare loop's of the same round: 1 is the limit, more is better. Where others use the machine too, processor time
per row (product_cpu_us, limit_cpu_us) says more. What the loop does and leaves out: docs/benchmarks.md.
"""
import argparse
import functools
import http.client
import json
import os
import resource
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('TIDEMARK_BUILD', os.path.join(ROOT, 'build', 'release'))
TIDEMARK = os.environ.get('TIDEMARK_BIN', os.path.join(BUILD, 'src', 'cli', 'tidemark'))
PAGE = 100
READY_SECONDS = 60
REST_SECONDS, REST_SECONDS_MAX = 0.03, 60  # processor time of a second in which a server is at rest; how long that is waited for
ENVIRONMENT = dict(os.environ, TIDEMARK_NETWORK_ALLOW='127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP='true',
                   TIDEMARK_INTERVAL='7d', TIDEMARK_LOG_LEVEL='warn')


def say(text):
    print(text, file=sys.stderr, flush=True)


def request(method, url, key=None, body=None):
    headers = {'Content-Type': 'application/json'}
    if key:
        headers.update({'Authorization': 'Bearer ' + key, 'orgid': 'default'})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=600) as reply:
        text = reply.read()
    return json.loads(text) if text else None


class Process:
    """A program of ours on loopback, ended at the end of the block."""

    def __init__(self, args):
        self.child = subprocess.Popen([TIDEMARK, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
                                      text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(timeout=60)
        self.child.stdout.close()

    def memory(self, field):
        with open(f'/proc/{self.child.pid}/status', encoding='ascii') as status:
            for line in status:
                if line.startswith(field + ':'):
                    return int(line.split()[1]) / 1024
        raise KeyError(field)

    def processor_seconds(self):
        with open(f'/proc/{self.child.pid}/stat', encoding='ascii') as stat:
            fields = stat.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Sandbox(Process):
    def __init__(self, records):
        super().__init__(['sandbox', '--listen', '127.0.0.1:0', '--json', '--size', f'plain={records}',
                          '--size', 'contacts=10', '--size', 'conversations=0'])
        for line in self.child.stdout:
            if line.startswith('{'):
                self.url = json.loads(line)['url']
                return
        raise RuntimeError('the sandbox did not start')


class Server(Process):
    def __init__(self, data, *args):
        mark = os.path.join(data, 'server.json')
        if os.path.exists(mark):
            os.remove(mark)
        os.makedirs(os.path.join(data, 'templates'), exist_ok=True)
        shutil.copy(os.path.join(ROOT, 'bench', 'plain.yaml'), os.path.join(data, 'templates', 'plain.yaml'))
        began = time.monotonic()
        super().__init__(['serve', '--port', '0', '--data', data, *args])
        while True:
            try:
                with open(mark, encoding='utf-8') as f:
                    found = json.load(f)
                self.url, self.key = found.get('url') or found['address'], found['key']
                urllib.request.urlopen(self.url + '/readyz', timeout=5).close()
                break
            except (OSError, ValueError, KeyError):
                if self.child.poll() is not None or time.monotonic() - began > READY_SECONDS:
                    raise RuntimeError('tidemark serve did not start') from None
                time.sleep(0.002)
        self.ready_seconds = time.monotonic() - began

    def api(self, method, path, body=None):
        return request(method, self.url + path, self.key, body)

    def rest(self):
        """Until what follows a sync in the background is done: a second in which next to nothing was computed."""
        for _ in range(REST_SECONDS_MAX):
            before = self.processor_seconds()
            time.sleep(1)
            if self.processor_seconds() - before < REST_SECONDS:
                return

    def connect(self, sandbox, ids='ordered', name='bench', after=0):
        made = self.api('POST', '/api/v1/sync/connections?test=false', {
            'name': name, 'platform': 'plain', 'credentials': {'baseUrl': sandbox.url, 'ids': ids, 'after': str(after)},
            'schedule': {'every': '7d'}})
        return made['data']['id']

    def sync(self, connection):
        """A full run; its own seconds, from the first claim to the last commit."""
        run = self.api('POST', '/api/v1/sync/run', {'connectionId': connection, 'fullSync': True})['data']['runId']
        while True:
            state = self.api('GET', f'/api/v1/sync/runs/{run}')['data']
            if state['status'] in ('success', 'error', 'cancelled'):
                break
            time.sleep(0.05)  # each look costs the server some statements
        if state['status'] != 'success':
            raise RuntimeError(f'the run failed: {state}')
        return seconds_between(state['startedAt'], state['completedAt']), state


def seconds_between(first, last):
    def moment(text):
        from datetime import datetime
        return datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()
    return moment(last) - moment(first)


def limit(database, sandbox, records, mode, *more, ids='ordered'):
    url = f'{sandbox.url}/_sandbox/plain/contacts?ids={ids}&limit={PAGE}&page='
    done = subprocess.run([os.path.join(BUILD, 'bench', 'limit'), database, url, str(records // PAGE), mode, *more],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found = json.loads(done.stdout)
    assert found['records'] == records, found
    return found['seconds']


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def empty_database(folder, name):
    data = os.path.join(folder, name)
    subprocess.run([TIDEMARK, 'migrate', '--data', data], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    return os.path.join(data, 'tidemark.db')


def change_all(sandbox, version):
    request('POST', sandbox.url + '/_sandbox/plain', body={'version': version, 'changed': 100})


def sync_rounds(options):
    """create, skip and update, product and limit in turn, so that both meet the same moods of the machine."""
    kinds = ('product', 'limit', 'limit_without_raw', 'product_cpu', 'limit_cpu')
    found = {mode: {kind: [] for kind in kinds} for mode in ('create', 'skip', 'update')}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder, Sandbox(options.records) as sandbox:
            databases = {'limit': (empty_database(folder, 'limit'), ()),
                         'limit_without_raw': (empty_database(folder, 'noraw'), ('noraw',))}
            with Server(os.path.join(folder, 'product')) as server:
                connection = server.connect(sandbox)
                for mode in ('create', 'skip', 'update'):
                    if mode == 'update':
                        change_all(sandbox, number + 1)
                    before = server.processor_seconds()
                    seconds, run = server.sync(connection)
                    found[mode]['product_cpu'].append((server.processor_seconds() - before) / options.records * 1e6)
                    expected = {'create': 'recordsCreated', 'skip': 'recordsSkipped', 'update': 'recordsUpdated'}[mode]
                    assert run[expected] == options.records, run
                    found[mode]['product'].append(options.records / seconds)
                    for kind, (database, more) in databases.items():
                        before = children_seconds()
                        found[mode][kind].append(options.records / limit(database, sandbox, options.records, mode, *more))
                        if kind == 'limit':
                            found[mode]['limit_cpu'].append((children_seconds() - before) / options.records * 1e6)
        say(f'round {number + 1} of {options.rounds} done')
    return found


def bench_sync(options, results):
    found = sync_rounds(options)
    for mode, figures in found.items():
        ratios = [p / l for p, l in zip(figures['product'], figures['limit'])]
        bare = [p / l for p, l in zip(figures['product'], figures['limit_without_raw'])]
        results[f'sync-{mode}'] = {
            'records_per_second': round(statistics.median(figures['product'])),
            'limit_records_per_second': round(statistics.median(figures['limit'])),
            'ratio': round(statistics.median(ratios), 2),
            'ratio_to_limit_without_raw': round(statistics.median(bare), 2),
            'product_cpu_us': round(statistics.median(figures['product_cpu']), 1),
            'limit_cpu_us': round(statistics.median(figures['limit_cpu']), 1), 'floor': 0.5, 'goal': 0.8}


def bench_scale(options, results):
    """Rows are put there by the product itself; the 20,000 more are other people, from another connection."""
    added = 20_000
    for ids in ('ordered', 'uuid'):
        rates = {present: [] for present in options.present}
        for present in options.present:
            with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder, Server(os.path.join(folder, 'product')) as server:
                with Sandbox(present) as sandbox:
                    server.sync(server.connect(sandbox, ids))
                with Sandbox(added) as sandbox:
                    for number in range(options.rounds):
                        after = present + number * added
                        seconds, run = server.sync(server.connect(sandbox, ids, f'more {number}', after))
                        assert run['recordsCreated'] == added, run
                        rates[present].append(added / seconds)
                memory = server.memory('VmHWM')
            say(f'sync-scale {ids}: {present} present, {rates[present]}, peak {memory:.1f} MiB')
            results[f'sync-scale-{ids}-{present}'] = {'records_per_second': round(statistics.median(rates[present])),
                                                      'peak_mib': round(memory, 1)}
        first, last = statistics.median(rates[min(rates)]), statistics.median(rates[max(rates)])
        results[f'sync-scale-{ids}'] = {'slower_by': round(first / last, 2), 'floor': 2.0, 'goal': 1.3}


def bench_postgres(options, results):
    done = subprocess.run([os.path.join(ROOT, 'script', 'pg-temp'), 'start'], capture_output=True, text=True, check=True)
    words = dict(word.split('=', 1) for word in done.stdout.split())
    try:
        rates, bare, without_raw = [], [], []
        for number in range(options.rounds):
            name = f'bench{number}'
            subprocess.run(['psql', '-q', done.stdout.strip(), '-c', f'CREATE DATABASE {name}'], check=True)
            url = f"postgres:///{name}?host={words['host']}&user={words['user']}"
            with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder, Sandbox(options.records) as sandbox:
                with Server(folder, '--database', url) as server:
                    seconds, run = server.sync(server.connect(sandbox))
                    assert run['recordsCreated'] == options.records, run
                    rates.append(options.records / seconds)
                page = f'{sandbox.url}/_sandbox/plain/contacts?ids=ordered&limit={PAGE}&page='
                for kind, more in ((bare, []), (without_raw, ['noraw'])):
                    out = subprocess.run([os.path.join(BUILD, 'bench', 'limit_postgres'), url, page,
                                          str(options.records // PAGE), *more], capture_output=True, text=True, check=True)
                    kind.append(options.records / json.loads(out.stdout)['seconds'])
        results['postgres-sync'] = {'records_per_second': round(statistics.median(rates)),
                                    'limit_records_per_second': round(statistics.median(bare)),
                                    'ratio': round(statistics.median(p / l for p, l in zip(rates, bare)), 2),
                                    'ratio_to_limit_without_raw':
                                        round(statistics.median(p / l for p, l in zip(rates, without_raw)), 2),
                                    'floor': 0.5, 'goal': 0.8}
    finally:
        subprocess.run([os.path.join(ROOT, 'script', 'pg-temp'), 'stop', words['host']], check=False)


def bench_idle(options, results):
    for count in options.connections:
        with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder, Sandbox(PAGE) as sandbox:
            with Server(folder) as server:
                for number in range(min(count, 1)):
                    server.connect(sandbox)
            if count > 1:
                copy_connections(os.path.join(folder, 'tidemark.db'), count)
            with Server(folder) as server:
                time.sleep(3)
                before = server.processor_seconds()
                time.sleep(5)
                used = server.processor_seconds() - before
                results[f'idle-{count}'] = {'memory_mib': round(server.memory('VmRSS'), 1),
                                            'processor_percent': round(used / 5 * 100, 2),
                                            'ready_seconds': round(server.ready_seconds, 3)}


def copy_connections(database, count):
    """Many rows like the one that the API made; making each through the API would take the bench's time."""
    db = sqlite3.connect(database)
    names = [row[1] for row in db.execute('PRAGMA table_info(connections)') if row[1] != 'id']
    values = ', '.join("uuid || '-' || n" if name == 'uuid' else "name || n" if name == 'name' else name for name in names)
    db.execute(f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count - 1}) "
               f"INSERT INTO connections ({', '.join(names)}) SELECT {values} FROM (SELECT * FROM connections LIMIT 1), c")
    db.commit()
    db.close()


def bench_memory(options, results):
    with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder, Sandbox(options.records) as sandbox, Server(folder) as server:
        server.sync(server.connect(sandbox))
        results['memory'] = {'records': options.records, 'peak_mib': round(server.memory('VmHWM'), 1), 'floor_mib': 60, 'goal_mib': 40}


def hooks(*args):
    done = subprocess.run([os.path.join(BUILD, 'bench', 'hooks'), *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def bench_webhooks(options, results):
    """The events are applied while more arrive, as they are in life; how long the rest takes is told too."""
    clients, secret, count = 64, 'bench-webhook-secret', options.records
    rounds = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder:
            with Server(folder) as server:
                request('POST', server.url + '/api/v1/sync/connections?test=false', server.key, {
                    'platform': 'chatwoot', 'name': 'Webhooks', 'webhookSecret': secret,
                    'credentials': {'accountId': '1', 'accessToken': 'none', 'baseUrl': 'http://127.0.0.1:9'}})
                before, client_before = server.processor_seconds(), children_seconds()
                sent = hooks('send', server.url.rpartition(':')[2], count, clients, secret)
                sent['product_cpu_us'] = round((server.processor_seconds() - before) / count * 1e6, 1)
                sent['client_cpu_us'] = round((children_seconds() - client_before) / count * 1e6, 1)
                assert sent['refused'] == 0, sent
                began = time.monotonic()
                while request('GET', server.url + '/api/v1/webhooks/events?status=pending&limit=1', server.key)['data']:
                    time.sleep(0.2)
                sent['rest_applied_seconds'] = round(time.monotonic() - began, 2)
            bare = os.path.join(folder, 'bare')
            subprocess.run([TIDEMARK, 'migrate', '--data', bare], check=True, capture_output=True)
            client_before = children_seconds()
            sent['limit'] = hooks('limit', os.path.join(bare, 'tidemark.db'), count, clients)['rows_per_second']
            sent['limit_cpu_us'] = round((children_seconds() - client_before) / count * 1e6, 1)
            say(f'webhooks: {sent}')
            rounds.append(sent)
    middle = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    results['webhooks'] = {'acks_per_second': middle['acks_per_second'], 'p50_ms': middle['p50_ms'], 'p99_ms': middle['p99_ms'],
                           'limit_rows_per_second': middle['limit'],
                           'ratio': round(statistics.median(r['acks_per_second'] / r['limit'] for r in rounds), 2),
                           'product_cpu_us': middle['product_cpu_us'], 'client_cpu_us': middle['client_cpu_us'],
                           'limit_cpu_us': middle['limit_cpu_us'],
                           'rest_applied_seconds': middle['rest_applied_seconds'], 'floor': 0.75}


def wrk(server, path, clients, seconds=8, script=None):
    """Requests per second and the 99th percentile in milliseconds; a wrong answer ends the bench."""
    with tempfile.NamedTemporaryFile('w', suffix='.lua', delete=False) as lua:
        lua.write(script or '')
    done = subprocess.run(['wrk', '-t', '2' if clients > 1 else '1', '-c', str(clients), '-d', f'{seconds}s', '--latency', '-s', lua.name,
                           '-H', 'Authorization: Bearer ' + server.key, '-H', 'orgid: default', server.url + path],
                          capture_output=True, text=True, check=True).stdout
    os.unlink(lua.name)
    if 'Non-2xx' in done:
        raise RuntimeError(done)
    units = {'us': 0.001, 'ms': 1, 's': 1000}
    rate = percentile = None
    for line in done.splitlines():
        words = line.split()
        if words[:1] == ['Requests/sec:']:
            rate = round(float(words[1]))
        if words[:1] == ['99%']:
            number = words[1].rstrip('msu')
            percentile = round(float(number) * units[words[1][len(number):]], 2)
    return rate, percentile


def bench_api(options, results):
    """The floor: p99 below 10 ms at 64 clients."""
    with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder, Sandbox(options.records) as sandbox, Server(folder) as server:
        server.sync(server.connect(sandbox))
        one = server.api('GET', '/api/v1/contacts?limit=1')['data'][0]
        middle = server.api('GET', '/api/v1/contacts?limit=1&page=' + str(options.records // 2))['meta']['nextCursor']
        word = one['email'].split('@')[0][-8:]
        while not server.api('GET', '/api/v1/contacts?q=' + word)['data']:
            time.sleep(0.5)  # the index follows behind
        server.rest()
        found = {'records': options.records, 'floor_p99_ms': 10}
        for name, path in (('list_100', '/api/v1/contacts?limit=100'), ('list_100_deep', f'/api/v1/contacts?limit=100&cursor={middle}'),
                           ('get_one', '/api/v1/contacts/' + one['id']), ('search', '/api/v1/contacts?limit=20&q=' + word)):
            found[name + '_per_second'], found[name + '_p99_ms'] = wrk(server, path, 64)
            say(f'api {name}: {found[name + "_per_second"]}/s, p99 {found[name + "_p99_ms"]} ms')
        before, began, lines = server.memory('VmRSS'), time.monotonic(), 0
        export = urllib.request.Request(server.url + '/api/v1/contacts', headers={
            'Authorization': 'Bearer ' + server.key, 'Accept': 'application/x-ndjson'})
        with urllib.request.urlopen(export, timeout=600) as reply:
            for _ in reply:
                lines += 1
        assert lines == options.records, lines
        found['export_rows_per_second'] = round(lines / (time.monotonic() - began))
        found['export_grew_mib'] = round(server.memory('VmRSS') - before, 1)
        results['api'] = found


QUEUE = """
local number, thread = 0, 0
function setup(t) thread = thread + 1; t:set('id', thread) end
request = function()
  number = number + 1
  local body = '{"name":"bench-%(mark)s-' .. id .. '-' .. number .. '","type":"full","data":{"source":"%(connection)s"}%(more)s}'
  return wrk.format('POST', '/sync/queue', {['Content-Type'] = 'application/json', Authorization = 'Bearer %(key)s', orgid = 'default'}, body)
end
"""


def finish_jobs(server, connections, count):
    """Jobs that find nothing, queued beforehand for one moment: from the first start to the last end."""
    key = {'Content-Type': 'application/json', 'Authorization': 'Bearer ' + server.key, 'orgid': 'default'}
    start = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 5))
    client = http.client.HTTPConnection(server.url.partition('//')[2])
    before = server.api('GET', '/api/v1/sync/runs?status=success&limit=1')['meta']['total']
    for number in range(count):
        client.request('POST', '/sync/queue', json.dumps({
            'name': f'finish-{number}', 'type': 'full', 'data': {'source': connections[number % len(connections)]},
            'schedule': {'startAt': start}}), key)
        reply = client.getresponse()
        assert reply.status == 201, reply.read()
        reply.read()
    while server.api('GET', '/api/v1/sync/runs?status=success&limit=1')['meta']['total'] < before + count:
        time.sleep(0.5)  # each look counts them
    pages = count // 100
    runs = [run for page in (1, pages) for run in server.api('GET', f'/api/v1/sync/runs?status=success&limit=100&page={page}')['data']]
    return round(count / seconds_between(min(run['startedAt'] for run in runs), max(run['completedAt'] for run in runs)))


def bench_jobs(options, results):
    """The floors are those of the best queue library on PostgreSQL (design): 2,000/s one by one, 3,300/s with 16 in flight."""
    with tempfile.TemporaryDirectory(prefix='tidemark-bench-') as folder, Sandbox(0) as sandbox, Server(folder) as server:
        connections = [server.connect(sandbox, name=f'bench {number}') for number in range(16)]
        found = {'floor_one_by_one': 2000, 'floor_in_flight': 3300}
        for name, clients in (('one_by_one', 1), ('in_flight', 16)):
            later = ',"schedule":{"startAt":"2030-01-01T00:00:00Z"}'
            script = QUEUE % {'mark': name, 'connection': connections[0], 'more': later, 'key': server.key}
            found[name + '_per_second'], found[name + '_p99_ms'] = wrk(server, '/sync/queue', clients, 5, script)
            say(f'jobs {name}: {found[name + "_per_second"]}/s')
        waits = []
        for number in range(50):
            run = server.api('POST', '/api/v1/sync/run', {'connectionId': connections[number % 16], 'fullSync': True})['data']['runId']
            while (state := server.api('GET', f'/api/v1/sync/runs/{run}')['data'])['status'] not in ('success', 'error'):
                time.sleep(0.002)
            waits.append(seconds_between(state['createdAt'], state['startedAt']) * 1000)
        found['start_p50_ms'] = round(statistics.median(waits), 1)
        found['finished_per_second'] = finish_jobs(server, connections, 1600)
        say(f'jobs finished: {found["finished_per_second"]}/s')
        results['jobs'] = found


BENCHES = {'sync-create': bench_sync, 'sync-skip': bench_sync, 'sync-update': bench_sync, 'sync-scale': bench_scale,
           'postgres-sync': bench_postgres, 'idle': bench_idle, 'webhooks': bench_webhooks,
           'api': bench_api, 'jobs': bench_jobs, 'memory': bench_memory}


def main():
    numbers = functools.partial(map, int)
    parser = argparse.ArgumentParser(prog='script/bench', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help='what to measure; see above')
    parser.add_argument('--records', type=int, default=100_000, metavar='N', help='rows of one sync (100000)')
    parser.add_argument('--rounds', type=int, default=3, metavar='N', help='rounds of which the median is told (3)')
    parser.add_argument('--present', type=lambda text: list(numbers(text.split(','))), default=[10_000, 1_000_000],
                        metavar='N,N', help='sync-scale: rows that are there before (10000,1000000)')
    parser.add_argument('--connections', type=lambda text: list(numbers(text.split(','))), default=[0, 1000, 10_000],
                        metavar='N,N', help='idle: how many connections (0,1000,10000)')
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f'no such benchmark: {unknown[0]} (there are {", ".join(BENCHES)})')
    names = options.names or [name for name in BENCHES if name != 'sync-scale']
    results = {}
    for bench in dict.fromkeys(BENCHES[name] for name in names):
        bench(options, results)
    width = max(map(len, results))
    for name, figures in results.items():
        print(f'{name:{width}}  ' + '  '.join(f'{key} {value}' for key, value in figures.items()))
    if options.json:
        with open(options.json, 'w', encoding='utf-8') as f:
            json.dump(results, f, indent=1)
            f.write('\n')


if __name__ == '__main__':
    main()
