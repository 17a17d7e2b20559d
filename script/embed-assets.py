#!/usr/bin/env python3
"""Embeds files into C, compressed: embed-assets.py OUT.c NAME=FILE...

A name ends like the file it stands for (openapi.json, docs.js): its type is known by that. The table is src/web/asset.h's.
"""
import gzip
import hashlib
import os
import sys

TYPES = {
    '.css': 'text/css; charset=utf-8',
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.json': 'application/json; charset=utf-8',
    '.svg': 'image/svg+xml',
    '.woff2': 'font/woff2',
}

out, pairs = sys.argv[1], [argument.split('=', 1) for argument in sys.argv[2:]]
rows = []
with open(out, 'w', encoding='utf-8') as f:
    f.write('#include "web/asset.h"\n\n')
    for index, (name, path) in enumerate(sorted(pairs)):
        with open(path, 'rb') as source:
            data = source.read()
        packed = gzip.compress(data, 9, mtime=0)
        f.write(f'static const unsigned char bytes_{index}[] = {{\n')
        for i in range(0, len(packed), 24):
            f.write('    ' + ','.join(str(b) for b in packed[i:i + 24]) + ',\n')
        f.write('};\n\n')
        tag = hashlib.sha256(data).hexdigest()[:16]
        rows.append(f'    {{"{name}", "{TYPES[os.path.splitext(name)[1]]}", "\\"{tag}\\"", '
                    f'{{(const char *)bytes_{index}, {len(packed)}}}, {len(data)}}},\n')
    f.write('const struct web_asset web_assets[] = {\n' + ''.join(rows) + '};\n')
    f.write('const size_t web_asset_count = sizeof(web_assets) / sizeof(web_assets[0]);\n')
