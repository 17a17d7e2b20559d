#!/usr/bin/env python3
"""Turns the store's SQL files into C.

usage: gen-sql.py statements OUT.h OUT.c FILE.sql...
       gen-sql.py schema OUT.c MIGRATION.sql... -- VIEW.sql...

A statement file holds one statement after another:

    -- A sentence that says what it is for.
    -- @name run_get
    SELECT ... WHERE tenant = $1

    -- @name run_pick
    -- @sqlite
    ...
    -- @postgres
    ...

One variant without the other is an error, unless the line `-- @only sqlite` (or postgres) says so.
Parameters are $1, $2, ...; SQLite gets ?1, ?2. A migration is NNNN_name.sql, a view is <its name>.sql;
both have parts marked the same way, text before the first mark being for both.
"""
import os
import re
import sys

DATABASES = ('sqlite', 'postgres')


def fail(path, line, text):
    sys.exit(f'{path}:{line}: {text}')


def c_string(text):
    if text is None:
        return '    NULL'
    lines = text.strip('\n').split('\n')
    escaped = [line.replace('\\', '\\\\').replace('"', '\\"') for line in lines]
    return '\n'.join(f'    "{line}\\n"' for line in escaped)


def for_sqlite(text):
    return re.sub(r'\$(\d+)', r'?\1', text) if text is not None else None


class Statement:
    def __init__(self, name, path, line):
        self.name, self.path, self.line = name, path, line
        self.text = {}
        self.only = None

    def check(self):
        if 'both' in self.text and len(self.text) > 1:
            fail(self.path, self.line, f'{self.name}: text stands before the variants')
        if 'both' in self.text:
            self.text = {database: self.text['both'] for database in DATABASES}
        wanted = [self.only] if self.only else DATABASES
        if sorted(self.text) != sorted(wanted):
            fail(self.path, self.line, f'{self.name}: has variants {sorted(self.text)}, needs {sorted(wanted)}')
        for database, text in self.text.items():
            if not text.strip():
                fail(self.path, self.line, f'{self.name}: the {database} variant is empty')
        counts = {database: self.parameters(text) for database, text in self.text.items()}
        if len(set(counts.values())) > 1:
            fail(self.path, self.line, f'{self.name}: variants take different numbers of parameters: {counts}')

    def parameters(self, text):
        numbers = {int(n) for n in re.findall(r'\$(\d+)', text)}
        if numbers and numbers != set(range(1, max(numbers) + 1)):
            fail(self.path, self.line, f'{self.name}: parameters are not $1..${max(numbers)}')
        return max(numbers, default=0)


def read_statements(path):
    statements, part, sentence = [], None, False
    for number, line in enumerate(open(path, encoding='utf-8').read().split('\n'), 1):
        mark = re.fullmatch(r'-- @(\w+) ?(\w*)', line)
        if mark and mark[1] == 'name':
            if not sentence:
                fail(path, number, f'{mark[2]} has no sentence above it')
            statements.append(Statement(mark[2], path, number))
            part, sentence = 'both', False
        elif mark and mark[1] == 'only':
            statements[-1].only = part = mark[2]
        elif mark and mark[1] in DATABASES:
            part = mark[1]
        elif mark:
            fail(path, number, f'unknown mark @{mark[1]}')
        elif line.startswith('--'):
            sentence = True
        elif line.strip():
            if not statements:
                fail(path, number, 'text before the first @name')
            text = statements[-1].text
            text[part] = text.get(part, '') + line.rstrip() + '\n'
    for statement in statements:
        statement.check()
    return statements


def write_statements(header, source, paths):
    statements = [s for path in sorted(paths) for s in read_statements(path)]
    names = [s.name for s in statements]
    for s in statements:
        if names.count(s.name) > 1:
            fail(s.path, s.line, f'{s.name} is defined twice')
    with open(header, 'w', encoding='utf-8') as f:
        f.write('/* Made by script/gen-sql.py from the SQL files. */\n#ifndef TIDEMARK_STORE_SQL_H\n#define TIDEMARK_STORE_SQL_H\n\n'
                '#include "store/db.h"\n\nenum sql {\n')
        f.write(''.join(f'    SQL_{s.name.upper()},\n' for s in statements))
        f.write('    SQL_COUNT\n};\n\nextern const struct db_statement sql_statements[SQL_COUNT];\n\n#endif\n')
    with open(source, 'w', encoding='utf-8') as f:
        f.write('/* Made by script/gen-sql.py from the SQL files. */\n#include "sql.h"\n\n'
                'const struct db_statement sql_statements[SQL_COUNT] = {\n')
        for s in statements:
            count = max(s.parameters(t) for t in s.text.values())
            f.write(f'    [SQL_{s.name.upper()}] = {{"{s.name}",\n{c_string(for_sqlite(s.text.get("sqlite")))},\n'
                    f'{c_string(s.text.get("postgres"))}, {count}}},\n')
        f.write('};\n')


def read_parts(path):
    parts, part = {'both': '', 'sqlite': '', 'postgres': ''}, 'both'
    seen = set()
    for number, line in enumerate(open(path, encoding='utf-8').read().split('\n'), 1):
        mark = re.fullmatch(r'-- @(\w+)', line)
        if mark and mark[1] not in parts:
            fail(path, number, f'unknown mark @{mark[1]}')
        if mark:
            part = mark[1]
            seen.add(part)
            continue
        parts[part] += line.rstrip() + '\n'
    if 'sqlite' in seen and 'postgres' not in seen or 'postgres' in seen and 'sqlite' not in seen:
        fail(path, 1, 'has a part for one database only')
    return {database: parts['both'] + parts[database] for database in DATABASES}


def write_table(f, kind, rows):
    f.write(f'const struct {kind} {kind}s[] = {{\n')
    for number, name, parts in rows:
        f.write(f'    {{{number}, "{name}",\n{c_string(parts["sqlite"])},\n{c_string(parts["postgres"])}}},\n')
    f.write(f'    {{0}},\n}};\nconst unsigned {kind}_count = {len(rows)};\n\n')


def write_schema(source, migrations, views):
    rows = []
    for path in sorted(migrations):
        match = re.fullmatch(r'(\d{4})_(\w+)\.sql', os.path.basename(path))
        if not match:
            fail(path, 1, 'a migration is named NNNN_name.sql')
        rows.append((int(match[1]), match[2], read_parts(path)))
    if len({r[0] for r in rows}) != len(rows):
        sys.exit('two migrations have the same number')
    # A number that somebody else still works on is a step that does nothing. None may be missing in a release.
    nothing = {database: 'SELECT 1;\n' for database in DATABASES}
    for missing in set(range(1, max(r[0] for r in rows) + 1)) - {r[0] for r in rows}:
        print(f'migration {missing:04d} is missing', file=sys.stderr)
        rows.append((missing, 'reserved', nothing))
    rows.sort(key=lambda r: r[0])
    with open(source, 'w', encoding='utf-8') as f:
        f.write('/* Made by script/gen-sql.py from the migrations and views. */\n#include "store/schema_priv.h"\n\n')
        write_table(f, 'migration', rows)
        write_table(f, 'view', [(0, os.path.splitext(os.path.basename(p))[0], read_parts(p)) for p in sorted(views)])


def main():
    if sys.argv[1] == 'statements':
        write_statements(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        split = sys.argv.index('--')
        write_schema(sys.argv[2], sys.argv[3:split], sys.argv[split + 1:])


main()
