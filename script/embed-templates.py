#!/usr/bin/env python3
"""Embeds template files into C: embed-templates.py OUT.c TEMPLATE.yaml..."""
import os
import sys

out, sources = sys.argv[1], sys.argv[2:]
with open(out, 'w', encoding='utf-8') as f:
    f.write('#include "template/template.h"\n\n')
    names = []
    for path in sources:
        name = os.path.splitext(os.path.basename(path))[0]
        data = open(path, 'rb').read()
        names.append((name, len(data)))
        f.write(f'static const unsigned char text_{name}[] = {{\n')
        for i in range(0, len(data), 24):
            f.write('    ' + ','.join(str(b) for b in data[i:i + 24]) + ',\n')
        f.write('};\n\n')
    f.write('const struct template_builtin template_builtins[] = {\n')
    for name, size in names:
        f.write(f'    {{"{name}", {{(const char *)text_{name}, {size}}}}},\n')
    f.write('};\nconst size_t template_builtin_count = sizeof(template_builtins) / sizeof(template_builtins[0]);\n')
