#!/usr/bin/env python3
"""Embeds files into C, compressed: embed-assets.py OUT.c DEPFILE PAGE NAME=FILE...

A name ends like the file it stands for (openapi.json): its type is known by that. The table is src/web/asset.h's.

PAGE is the folder that script/page made: each of its files is embedded under its path there. Where a file.br stands beside
a file, it is that file in brotli. Without PAGE/files.txt there is no page, and the build looks again the next time.
"""
import gzip
import hashlib
import os
import pathlib
import sys

TYPES = {
    '.css': 'text/css; charset=utf-8',
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.json': 'application/json; charset=utf-8',
    '.svg': 'image/svg+xml',
    '.woff2': 'font/woff2',
}
PACKED_ALREADY = ('.woff2',)


def page_files(page):
    listed = pathlib.Path(page, 'files.txt')
    if not listed.exists():
        return []
    return [(name, os.path.join(page, name)) for name in listed.read_text(encoding='utf-8').split('\n') if name]


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def write_bytes(f, name, data):
    f.write(f'static const unsigned char {name}[] = {{\n')
    for i in range(0, len(data), 24):
        f.write('    ' + ','.join(str(b) for b in data[i:i + 24]) + ',\n')
    f.write('};\n\n')


def write_asset(f, index, name, path):
    """Returns its row of the table."""
    data = read(path)
    kind = os.path.splitext(name)[1]
    packed = gzip.compress(data, 0 if kind in PACKED_ALREADY else 9, mtime=0)
    write_bytes(f, f'bytes_{index}', packed)
    brotli = '{0}'
    if os.path.exists(path + '.br'):
        squeezed = read(path + '.br')
        write_bytes(f, f'brotli_{index}', squeezed)
        brotli = f'{{(const char *)brotli_{index}, {len(squeezed)}}}'
    tag = hashlib.sha256(data).hexdigest()[:16]
    return (f'    {{"{name}", "{TYPES[kind]}", "\\"{tag}\\"", {{(const char *)bytes_{index}, {len(packed)}}}, '
            f'{brotli}, {len(data)}}},\n')


def main(out, depfile, page, pairs):
    files = sorted([tuple(pair.split('=', 1)) for pair in pairs] + page_files(page))
    with open(out, 'w', encoding='utf-8') as f:
        f.write('#include "web/asset.h"\n\n')
        rows = [write_asset(f, index, name, path) for index, (name, path) in enumerate(files)]
        f.write('const struct web_asset web_assets[] = {\n' + ''.join(rows) + '};\n')
        f.write('const size_t web_asset_count = sizeof(web_assets) / sizeof(web_assets[0]);\n')
    with open(depfile, 'w', encoding='utf-8') as f:
        f.write(f'{out}: {os.path.join(page, "files.txt")}\n')


main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
