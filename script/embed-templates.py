#!/usr/bin/env python3
"""Embeds the templates of a folder into C: embed-templates.py OUT.c OUT.d FOLDER. The folder is the list: a new file is found."""
import pathlib
import sys

out, depfile, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
sources = sorted(folder.glob('*.yaml'))
if not sources:
    sys.exit(f'{folder}: no templates')
with open(out, 'w', encoding='utf-8') as f:
    f.write('#include "template/template.h"\n\n')
    sizes = {}
    for path in sources:
        data = path.read_bytes()
        sizes[path.stem] = len(data)
        f.write(f'static const unsigned char text_{path.stem}[] = {{\n')
        for i in range(0, len(data), 24):
            f.write('    ' + ','.join(str(b) for b in data[i:i + 24]) + ',\n')
        f.write('};\n\n')
    f.write('const struct template_builtin template_builtins[] = {\n')
    for name, size in sizes.items():
        f.write(f'    {{"{name}", {{(const char *)text_{name}, {size}}}}},\n')
    f.write('};\nconst size_t template_builtin_count = sizeof(template_builtins) / sizeof(template_builtins[0]);\n')
with open(depfile, 'w', encoding='utf-8') as f:
    # The folder too: its time changes when a file comes or goes.
    f.write(f'{out}: ' + ' '.join(str(path).replace(' ', '\\ ') for path in [folder, *sources]) + '\n')
