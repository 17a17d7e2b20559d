#!/usr/bin/env python3
"""Makes one OpenAPI 3.1 document of openapi/openapi.yaml and the areas beside it.

usage: merge-openapi.py VERSION OUT.json openapi.yaml AREA.yaml...

What the areas may write, and what is added here, stands at the top of openapi/openapi.yaml. Whatever is wrong ends the
build with the file and the place: a path, an operationId or a component that occurs twice, a reference to nothing, a
parameter of the path that is not described.
"""
import json
import os
import re
import sys

import yaml

METHODS = ('get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace')
ACCESS = ('anyone', 'token', 'content:read', 'content:update', 'content:delete', 'admin', 'metrics', 'status')
PERMISSION = {'get': 'content:read', 'delete': 'content:delete'}
# As router_dialect_of in src/door/router.c: the first beginning that fits.
DIALECTS = (('/api/v1/integrations/amazon/', 'message'), ('/api/sync/', 'message'), ('/api/v1/', 'core'), ('/sync', 'status'),
            ('/api/', 'status'), ('/', 'core'))
SHAPES = {'core': 'Error', 'status': 'StatusError', 'message': 'MessageError'}
ERRORS = '#/components/responses/'


class Fault(Exception):
    pass


class Loader(yaml.SafeLoader):
    """YAML as JSON sees it: a date stays text, `on` a word, and no member may stand twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.tag == 'tag:yaml.org,2002:merge':
                continue
            name = self.construct_object(key)
            if name in seen:
                raise Fault(f'line {key.start_mark.line + 1}: "{name}" stands twice')
            seen.add(name)
        self.flatten_mapping(node)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != 'tag:yaml.org,2002:timestamp']
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver('tag:yaml.org,2002:bool', re.compile('^(true|false)$'), list('tf'))
for first in 'yYnNtTfFoO':
    Loader.yaml_implicit_resolvers[first] = [
        (tag, expression) for tag, expression in Loader.yaml_implicit_resolvers.get(first, [])
        if tag != 'tag:yaml.org,2002:bool' or expression.pattern == '^(true|false)$']


def load(path):
    with open(path, encoding='utf-8') as f:
        try:
            return yaml.load(f, Loader) or {}
        except yaml.YAMLError as e:
            raise Fault(str(e)) from e


def plain(value):
    """A copy in which nothing is shared, so that what an alias brought in can be changed alone."""
    return json.loads(json.dumps(value))


def dialect_of(path):
    return next(dialect for prefix, dialect in DIALECTS if path.startswith(prefix))


def error_name(name, dialect):
    return name if dialect == 'core' else f'{dialect.capitalize()}{name}'


def add_error_shapes(document):
    """BadRequest is doors 000 and 003; StatusBadRequest and MessageBadRequest say the same in the others' shape."""
    responses = document['components']['responses']
    names = list(responses)
    for name in names:
        for dialect in ('status', 'message'):
            copy = plain(responses[name])
            copy['content']['application/json']['schema']['$ref'] = f'#/components/schemas/{SHAPES[dialect]}'
            responses[error_name(name, dialect)] = copy
    return names


def security_of(access):
    if access == 'anyone':
        return []
    needs = {'metrics': ['admin'], 'status': ['content:read'], 'token': []}.get(access, [access])
    ways = [{'bearer': needs}, {'session': needs}]
    return [{}] + ways if access in ('metrics', 'status') else ways


def parameter_names(document, parameters):
    for parameter in parameters:
        while '$ref' in parameter:
            parameter = follow(document, parameter['$ref'])
        yield parameter['in'], parameter['name']


def check_path(document, path, parameters):
    wanted = set(re.findall(r'{([^}]*)}', path))
    have = {name for place, name in parameter_names(document, parameters) if place == 'path'}
    if wanted != have:
        raise Fault(f'path parameters described: {sorted(have)}, in the path: {sorted(wanted)}')


def add_parameters(document, operation, method, access, shared):
    """The tenant's header and the idempotency key, where they mean something."""
    creates = operation.pop('x-creates', method == 'post' and bool({'201', '202'} & set(operation['responses'])))
    tenant = operation.pop('x-tenant', True)
    present = set(parameter_names(document, operation.get('parameters', []) + shared))
    extra = []
    if tenant and access != 'anyone' and ('header', 'orgid') not in present:
        extra.append({'$ref': '#/components/parameters/tenant'})
    if creates:
        extra.append({'$ref': '#/components/parameters/idempotencyKey'})
    if extra:
        operation['parameters'] = operation.get('parameters', []) + extra


def add_errors(operation, access, dialect, errors):
    responses = operation['responses']
    for status, response in list(responses.items()):
        if not re.fullmatch(r'[1-5](\d\d|XX)|default', str(status)) or not isinstance(status, str):
            raise Fault(f'the status {status!r} must be a text such as "200"')
        name = response.get('$ref', '').removeprefix(ERRORS)
        if name in errors:
            responses[status] = {'$ref': ERRORS + error_name(name, dialect)}
    if access != 'anyone':
        for status, name in (('401', 'Unauthorized'), ('403', 'Forbidden'), ('429', 'TooMany')):
            responses.setdefault(status, {'$ref': ERRORS + error_name(name, dialect)})
    responses.setdefault('default', {'$ref': ERRORS + error_name('Failure', dialect)})


def finish_operation(document, path, method, operation, shared, tag, errors):
    for member in ('operationId', 'summary', 'responses'):
        if not operation.get(member):
            raise Fault(f'{member} is missing')
    access = operation.pop('x-access', PERMISSION.get(method, 'content:update'))
    if access not in ACCESS:
        raise Fault(f'x-access must be one of {", ".join(ACCESS)}')
    dialect = operation.pop('x-dialect', None) or dialect_of(path)
    if dialect not in SHAPES:
        raise Fault(f'x-dialect must be one of {", ".join(SHAPES)}')
    operation.setdefault('tags', [tag] if tag else [])
    operation['security'] = security_of(access)
    add_parameters(document, operation, method, access, shared)
    check_path(document, path, operation.get('parameters', []) + shared)
    add_errors(operation, access, dialect, errors)


def add_components(document, area):
    for kind, entries in area.get('components', {}).items():
        into = document['components'].setdefault(kind, {})
        for name, value in entries.items():
            if name in into:
                raise Fault(f'components/{kind}/{name} exists already')
            into[name] = plain(value)


def add_paths(document, area, errors, ids):
    tags = area.get('tags', [])
    document['tags'] += tags
    for path, item in area.get('paths', {}).items():
        if path in document['paths']:
            raise Fault(f'{path} exists already')
        item = document['paths'][path] = plain(item)
        for method in METHODS:
            if method not in item:
                continue
            try:
                finish_operation(document, path, method, item[method], item.get('parameters', []), tags[0]['name'] if tags else None, errors)
            except Fault as fault:
                raise Fault(f'{method.upper()} {path}: {fault}') from fault
            name = item[method]['operationId']
            if name in ids:
                raise Fault(f'{method.upper()} {path}: operationId {name} exists already')
            ids.add(name)


def follow(document, reference):
    value = document
    if not reference.startswith('#/'):
        raise Fault(f'{reference}: only references within the document')
    for part in reference[2:].split('/'):
        part = part.replace('~1', '/').replace('~0', '~')
        if not isinstance(value, dict) or part not in value:
            raise Fault(f'{reference} refers to nothing')
        value = value[part]
    return value


def check_references(document, value, place=''):
    if isinstance(value, dict):
        if isinstance(value.get('$ref'), str):
            try:
                follow(document, value['$ref'])
            except Fault as fault:
                raise Fault(f'{place}: {fault}') from fault
        for key, item in value.items():
            check_references(document, item, f'{place}/{key}')
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_references(document, item, f'{place}/{index}')


def open_objects(value):
    """An object of which nothing is said may hold anything; generators of clients must be told."""
    if isinstance(value, dict):
        kinds = value.get('type')
        if 'object' in (kinds if isinstance(kinds, list) else [kinds]) and not (
                {'properties', 'additionalProperties', 'allOf', 'oneOf', 'anyOf', '$ref', 'patternProperties'} & set(value)):
            value['additionalProperties'] = True
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        open_objects(item)


def main():
    version, out, root, *areas = sys.argv[1:]
    name = root
    try:
        document = load(root)
        document['info']['version'] = version
        errors, ids, loaded = add_error_shapes(document), set(), []
        for name in areas:
            loaded.append((name, load(name)))
            add_components(document, loaded[-1][1])
        for name, area in loaded:
            add_paths(document, area, errors, ids)
        order = document.pop('x-tags')
        document['tags'].sort(key=lambda tag: order.index(tag['name']) if tag['name'] in order else len(order))
        name = out
        check_references(document, document)
        open_objects({'paths': document['paths'], 'components': document['components']})
    except Fault as fault:
        sys.exit(f'{os.path.relpath(name)}: {fault}')
    with open(out, 'w', encoding='utf-8') as f:
        json.dump(document, f, ensure_ascii=False, separators=(',', ':'))
        f.write('\n')


main()
