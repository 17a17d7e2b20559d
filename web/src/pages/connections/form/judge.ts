// Judges a form in the browser without making code at run time (the page's policy forbids it, and @rjsf's usual validator does
// just that). The server has the last word, by the same schema.
import { Validator } from '@cfworker/json-schema';
import type { Schema, SchemaDraft } from '@cfworker/json-schema';
import type { ErrorSchema, FormValidation, RJSFSchema, RJSFValidationError, StrictRJSFSchema, ValidationData, ValidatorType } from '@rjsf/utils';
import { createErrorHandler, getDefaultFormState, toErrorSchema, unwrapErrorHandler, validationDataMerge } from '@rjsf/utils';

const draftOf = (schema: StrictRJSFSchema): SchemaDraft => (String(schema.$schema ?? '').includes('2020-12') ? '2020-12' : '7');

// "/a/b" as a path of @rjsf: ".a.b".
const property = (pointer: string) => pointer.replace(/^#/, '').split('/').slice(1).map((part) => `.${part.replaceAll('~1', '/').replaceAll('~0', '~')}`).join('');

function problems(schema: RJSFSchema, value: unknown): RJSFValidationError[] {
  const { errors } = new Validator(schema as Schema, draftOf(schema), false).validate(value);
  return errors.filter((e) => !['properties', 'items', 'allOf', 'if', '$ref'].includes(e.keyword)).map((e) => {
    const missing = e.keyword === 'required' ? /"([^"]+)"/.exec(e.error)?.[1] : undefined;
    return { name: e.keyword, message: e.error, property: property(e.instanceLocation) + (missing ? `.${missing}` : ''), stack: e.error };
  });
}

export const judge: ValidatorType<Record<string, unknown>> = {
  validateFormData(data, schema, custom, transform, uiSchema): ValidationData<Record<string, unknown>> {
    let errors = problems(schema, data);
    if (transform) errors = transform(errors, uiSchema);
    const found: ValidationData<Record<string, unknown>> = { errors, errorSchema: toErrorSchema(errors) as ErrorSchema<Record<string, unknown>> };
    if (!custom || !data) return found;
    const filled = getDefaultFormState(judge, schema, data, schema, true) as Record<string, unknown>;
    const handler: FormValidation<Record<string, unknown>> = custom(filled, createErrorHandler(filled), uiSchema);
    return validationDataMerge(found, unwrapErrorHandler(handler));
  },
  isValid: (schema, value, root) => new Validator({ ...schema, definitions: root.definitions, $defs: root.$defs } as Schema, draftOf(root), true).validate(value).valid,
  rawValidation: (schema, value) => ({ errors: problems(schema, value) as never[] }),
  toErrorList: () => [],
};
