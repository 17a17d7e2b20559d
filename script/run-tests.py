#!/usr/bin/env python3
"""Runs the built tests and adds up their counts; script/test calls it after the build.

usage: run-tests.py [--quick] [--no-outside] [NAME ...]

Four kinds: programs with cmocka (their closing lines are the counts; meson knows them), whole-server tests for Node's own runner
under tests/scenario, those under tests/web, which open the page in Chromium, and those under tests/outside, which need servers from
npm (kept in the cache folder). A program that crashed, ran too long or
printed no counts is one failure, under its name. Only what failed is shown, then the slowest, then the sum. Of a failed file for
Node it is each failing test with its error, its stack and the logs of the programs it had started, however long the file's own
output is; all of a failed test's output is kept under build/test/failed.

Twice as many as there are processors run at once, since most of a test is waiting (TIDEMARK_TEST_WORKERS says otherwise); the longest
of the last time begin, by build/test/times.json. TIDEMARK_TEST_PATIENCE=3 makes every bound of a wait three times as long, for a
machine that is very slow.
"""
import concurrent.futures
import json
import math
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / 'build' / 'test'
CACHE = pathlib.Path(os.environ.get('TIDEMARK_CACHE', pathlib.Path.home() / '.cache' / 'tidemark'))
OUTSIDE = CACHE / 'outside'
TIMES = BUILD / 'times.json'
WORKERS = int(os.environ.get('TIDEMARK_TEST_WORKERS', 2 * (os.cpu_count() or 1)))
PATIENCE = float(os.environ.get('TIDEMARK_TEST_PATIENCE', 1))
PROGRAM_SECONDS, SCENARIO_SECONDS = 900 * PATIENCE, 1800 * PATIENCE    # hangs end by them; they are no measure of speed
OUTPUT_LINES = 60
ENDING_LINES = 10
FAILURE_LINES = 150    # of one failing test; what is longer loses its middle
FAILED = BUILD / 'failed'
NODE_MIN = 20

ENVIRONMENT = dict(
    os.environ,
    ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0'),
    UBSAN_OPTIONS=os.environ.get('UBSAN_OPTIONS', 'halt_on_error=1:print_stacktrace=1'),
    TIDEMARK_BIN=os.environ.get('TIDEMARK_BIN', str(BUILD / 'src' / 'cli' / 'tidemark')),
    CMOCKA_MESSAGE_OUTPUT='stdout',
    TIDEMARK_OUTSIDE_MODULES=os.environ.get('TIDEMARK_OUTSIDE_MODULES', str(OUTSIDE / 'node_modules')),
)


class Result:
    def __init__(self, name, passed=0, failed=0, skipped=(), output=''):
        self.name, self.passed, self.failed, self.skipped = name, passed, failed, list(skipped)
        self.output, self.seconds, self.busy_seconds = output, 0.0, 0.0


def timed(job):
    """The job's result with its time and the processor's; one process runs one job at once, so its children are the job's."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    function, *arguments = job
    result = function(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result.seconds = time.monotonic() - begin
    result.busy_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


def run(command, seconds, more=None):
    """(exit status or None after the time limit, output). The process group is ended with it; `more` goes into its environment."""
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT | (more or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors='replace', start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return None, output + f'\n(ended after {seconds} s)'


def count(pattern, output):
    return sum(int(n) for n in re.findall(pattern, output, re.M))


def run_program(test):
    status, output = run(test['cmd'], max(test['timeout'] * PATIENCE, PROGRAM_SECONDS), test['env'])    # env: which store it is for
    passed = count(r'^\[  PASSED  \] (\d+) test', output)
    failed = count(r'^\[  FAILED  \] (\d+) test', output)
    skipped = re.findall(r'^\[  SKIPPED \] (?!\d+ test)(\S+)', output, re.M)
    counted = re.search(r'^\[  PASSED  \] \d+ test', output, re.M) is not None
    if not counted or (status != 0 and failed == 0):
        failed += 1
        how = 'ran too long' if status is None else f'ended with status {status}'
        output += f'\n({how}' + ('' if counted else ', printed no counts') + ')'
    return Result(test['name'], passed, failed, [f"{test['name']}: {name}" for name in skipped], output)


def shown(path):
    return str(path.relative_to(ROOT))


def run_scenario(node, path):
    status, output = run([node, '--test', '--test-reporter=tap', str(path)], SCENARIO_SECONDS)
    counts = {what: count(rf'^# {what} (\d+)$', output) for what in ('pass', 'fail', 'cancelled', 'skipped')}
    name = shown(path)
    failed = counts['fail'] + counts['cancelled']
    if failed == 0 and (status != 0 or not re.search(r'^# pass \d+$', output, re.M)):
        failed = 1
        output += f'\n(ended with status {status})'
    skipped = [f'{name}: {title} ({reason})' for title, reason in
               re.findall(r'^\s*ok \d+ - (.*?) # SKIP ?(.*)$', output, re.M)]
    passed = counts['pass']
    if counts['skipped'] and not skipped:
        skipped = [name] * counts['skipped']
    return Result(name, passed, failed, skipped, output)


def programs():
    listed = subprocess.run(['meson', 'introspect', '--tests', str(BUILD)], capture_output=True, text=True, check=True)
    return json.loads(listed.stdout)


def find_node():
    for candidate in ('node', str(CACHE / 'node' / 'node_modules' / 'node' / 'bin' / 'node')):
        path = shutil.which(candidate)
        if path:
            version = re.match(r'v(\d+)', subprocess.run([path, '--version'], capture_output=True, text=True).stdout)
            if version and int(version.group(1)) >= NODE_MIN:
                return path
    return None


def fetch_outside(package):
    """Servers from npm, once: kept in the cache folder until tests/outside/package.json asks for others."""
    installed = OUTSIDE / 'installed.json'
    if 'TIDEMARK_OUTSIDE_MODULES' in os.environ or (installed.exists() and installed.read_text() == package.read_text()):
        return
    print('test: npm fetches the outside servers (some minutes, once)', file=sys.stderr)
    OUTSIDE.mkdir(parents=True, exist_ok=True)
    shutil.copy(package, OUTSIDE / 'package.json')
    done = subprocess.run(['npm', 'install', '--loglevel=error', '--no-fund', '--no-audit'], cwd=OUTSIDE, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    if done.returncode == 0:
        shutil.copy(package, installed)
    else:
        print('\n'.join(done.stdout.splitlines()[-12:]), 'test: npm could not fetch the outside servers: what needs them fails',
              sep='\n', file=sys.stderr)


def outside_files(wanted, words):
    files = [f for f in sorted((ROOT / 'tests' / 'outside').glob('*.test.mjs')) if matches(str(f), words)]
    if files and wanted:
        fetch_outside(ROOT / 'tests' / 'outside' / 'package.json')
        return files, []
    return [], [f'{f.relative_to(ROOT)} (--no-outside)' for f in files]


def web_files(words):
    """Tests of the page, unless this build has a plain one or there is no browser."""
    files = [f for f in sorted((ROOT / 'tests' / 'web').glob('*.test.mjs')) if matches(str(f), words)]
    if not files:
        return [], []
    subprocess.run([str(ROOT / 'script' / 'page'), '--full'], check=False)
    lacks = None
    if not (ROOT / 'build' / 'page' / 'modules').exists():
        lacks = 'the page is not built: npm or the network is missing'
    elif not any(shutil.which(name) for name in ('chromium', 'chromium-browser', 'google-chrome')):
        lacks = 'no chromium'
    if lacks:
        return [], [f'{f.relative_to(ROOT)} ({lacks})' for f in files]
    ENVIRONMENT.setdefault('TIDEMARK_PAGE_MODULES', (ROOT / 'build' / 'page' / 'modules').read_text().strip())
    return files, []


def matches(name, words):
    return not words or any(word in name for word in words)


def plan(options, words):
    """(jobs, names skipped). A job is a function that gives a Result and its arguments."""
    jobs = [(run_program, t) for t in programs() if matches(t['name'], words)]
    if '--quick' in options:
        return jobs, []
    node = find_node()
    files = sorted((ROOT / 'tests' / 'scenario').glob('*.test.mjs'))
    more, skipped = outside_files('--no-outside' not in options, words)
    pages, lacking = web_files(words)
    skipped += lacking
    files = pages + [f for f in files + more if matches(str(f), words)]
    skipped = [s for s in skipped if matches(s, words)]
    if files and not node:
        return jobs, skipped + [f'{f.relative_to(ROOT)} (no Node.js {NODE_MIN} or newer)' for f in files]
    return [(run_scenario, node, f) for f in files] + jobs, skipped    # the long ones first


def job_name(job):
    return job[1]['name'] if job[0] is run_program else shown(job[2])


def read_times():
    try:
        return json.loads(TIMES.read_text())
    except (OSError, ValueError):
        return {}


def keep_times(times, results):
    """What each took, for the next run's order: {name: [seconds, the processor's seconds]}."""
    times.update({r.name: [round(r.seconds, 2), round(r.busy_seconds, 2)] for r in results})
    TIMES.write_text(json.dumps(times, indent=0, sort_keys=True))


def shortened(lines):
    if len(lines) <= FAILURE_LINES:
        return lines
    half = FAILURE_LINES // 2
    return lines[:half] + [f'    ({len(lines) - 2 * half} lines left out)'] + lines[-half:]


def failing_tests(output):
    """What TAP says of each test that failed itself (not only its parts), then what tests/scenario/lib/failures.mjs wrote."""
    shown_lines, block, said = [], None, None
    for line in output.split('\n'):
        if re.match(r'^\s*not ok \d+', line):
            block = [line]
        elif block is not None:
            block.append(line)
            if line.strip() == '...':
                if not any("failureType: 'subtestsFailed'" in part for part in block):
                    shown_lines += shortened(block)
                block = None
        elif line.startswith('# >>> failed: '):
            said = [line]
        elif said is not None:
            said.append(line)
            if line == '# <<<':
                shown_lines += shortened(said)
                said = None
    return shown_lines + (block or []) + (said or [])    # cut off in the middle: what there is


def show_failure(result):
    lines = [line for line in result.output.rstrip().split('\n')
             if not re.match(r'^\[( RUN|       OK|=====)', line) and not re.match(r'^\s*ok \d+', line)]
    FAILED.mkdir(parents=True, exist_ok=True)
    kept = FAILED / (result.name.replace('/', '_') + '.log')
    kept.write_text(result.output)
    print(f'\n--- FAILED: {result.name} (all of it: {shown(kept)})')
    failing = failing_tests(result.output)
    print('\n'.join(failing + ['its last lines:'] + lines[-ENDING_LINES:] if failing else lines[-OUTPUT_LINES:]))
    sys.stdout.flush()


def main(arguments):
    options = {a for a in arguments if a.startswith('--')}
    unknown = options - {'--quick', '--no-outside'}
    if unknown:
        sys.exit(f'run-tests: unknown option {unknown.pop()}')
    jobs, skipped = plan(options, [a for a in arguments if not a.startswith('--')])
    times, results = read_times(), []
    jobs.sort(key=lambda job: -times.get(job_name(job), [math.inf])[0])    # the long ones first, and those not seen before
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as pool:
        for done in concurrent.futures.as_completed([pool.submit(timed, job) for job in jobs]):
            result = done.result()
            results.append(result)
            if result.failed:
                show_failure(result)
    keep_times(times, results)
    for result in results:
        skipped += result.skipped
    print('\nslowest:')
    for result in sorted(results, key=lambda r: -r.seconds)[:8]:
        print(f'  {result.seconds:7.1f} s  {result.name} ({result.busy_seconds:.1f} s of a processor)')
    for name in sorted(skipped):
        print(f'skipped: {name}')
    for result in results:
        if result.failed:
            print(f'failed: {result.name}')
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    print(f'{passed} passed, {failed} failed' + (f', {len(skipped)} skipped' if skipped else ''))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
