#!/usr/bin/env python3
"""Makes the main() of one test file: finds its functions `test_...(void **state)` and lists them for cmocka.

usage: gen-test-main.py TEST.c OUT.c [SHARED.h]

A file may define `static int setup(void **state)` and `static int teardown(void **state)`, run around
each test, and `group_setup` / `group_teardown`, run once. Where its tests take a state (`= *state`), what it does not
define is taken from the header that they share, where the name has that header's prefix: `rig_setup`, `fixture_group_setup`.
"""
import os
import re
import sys

source, out = sys.argv[1:3]
text = open(source, encoding='utf-8').read()
shared = ''.join(open(name, encoding='utf-8').read() for name in sys.argv[3:])
names = re.findall(r'^(test_\w+)\(void \*\*\w+\)\s*$', text, re.M)
if not names:
    sys.exit(f'{source}: no function test_...(void **state) found')
if len(set(names)) != len(names):
    sys.exit(f'{source}: a test is defined twice')


def hook(name):
    if re.search(rf'^{name}\(void \*\*\w+\)\s*$', text, re.M):
        return name
    common = re.search(rf'^(?:int )?([a-z]+_{name})\(void \*\*\w+\);?\s*$', shared, re.M) if '= *state' in text else None
    return common[1] if common else 'NULL'


rows = '\n'.join(f'        cmocka_unit_test_setup_teardown({n}, {hook("setup")}, {hook("teardown")}),' for n in names)
group = os.path.splitext(os.path.basename(source))[0]
with open(out, 'w', encoding='utf-8') as f:
    f.write(f'''#include "{os.path.abspath(source)}"

int
main(int argc, char **argv)
{{
    const struct CMUnitTest tests[] = {{
{rows}
    }};
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("{group}", tests, {hook("group_setup")}, {hook("group_teardown")});
}}
''')
