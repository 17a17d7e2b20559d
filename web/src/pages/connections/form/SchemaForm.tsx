// A form from a template's JSON Schema, in Mantine's inputs: secrets masked, each fault at its field, rare options folded away.
import { ActionIcon, Button, Checkbox, NativeSelect, NumberInput, TextInput, Textarea } from '@mantine/core';
import Form from '@rjsf/core';
import type { ArrayFieldTemplateProps, ErrorSchema, FieldTemplateProps, ObjectFieldTemplateProps, RJSFSchema, TemplatesType, UiSchema, WidgetProps } from '@rjsf/utils';
import { useMemo } from 'react';

import { useWords } from '../../../i18n';
import { Icon } from '../../../parts/Icon';
import { addWords } from '../words';
import type { Values } from './faults';
import { judge } from './judge';
import { Secret } from '../../../parts/Secret';

interface Property { type?: string | string[]; format?: string; writeOnly?: boolean; airbyte_secret?: boolean; order?: number; default?: unknown; enum?: unknown[]; properties?: Record<string, Property> }

const isSecret = (p: Property) => !!p.airbyte_secret || p.writeOnly === true || p.format === 'password';

// What each field is drawn with, and in which order: that of the template.
function uiOf(schema: Property): UiSchema<Values> {
  const entries = Object.entries(schema.properties ?? {}).sort(([, a], [, b]) => (a.order ?? 1e6) - (b.order ?? 1e6));
  const ui: UiSchema<Values> = { 'ui:order': [...entries.map(([name]) => name), '*'], 'ui:submitButtonOptions': { norender: true } };
  for (const [name, p] of entries) ui[name] = p.properties ? uiOf(p) : isSecret(p) ? { 'ui:widget': 'password' } : {};
  return ui;
}

// What a template calls the values of an enumeration.
const labelsOf = (schema: object) => (schema as { 'x-tidemark-labels'?: Record<string, string> })['x-tidemark-labels'] ?? {};

const common = (p: WidgetProps) => ({
  id: p.id, label: p.label, description: p.schema.description, required: p.required, disabled: p.disabled || p.readonly, 'aria-invalid': (p.rawErrors?.length ?? 0) > 0,
  error: p.rawErrors?.length ? p.rawErrors.join(', ') : undefined,
});
const text = (p: WidgetProps) => ({
  value: typeof p.value === 'string' || typeof p.value === 'number' ? String(p.value) : '', placeholder: p.schema.default !== undefined ? String(p.schema.default) : p.placeholder,
  onChange: (event: { currentTarget: { value: string } }) => p.onChange(event.currentTarget.value === '' ? p.options.emptyValue : event.currentTarget.value), spellCheck: false, autoComplete: 'off',
});

const widgets = {
  TextWidget: (p: WidgetProps) => (p.schema.type === 'integer' || p.schema.type === 'number'
    ? <NumberInput {...common(p)} value={typeof p.value === 'number' ? p.value : ''} placeholder={p.schema.default !== undefined ? String(p.schema.default) : undefined}
        min={p.schema.minimum} max={p.schema.maximum} allowDecimal={p.schema.type === 'number'} onChange={(n) => p.onChange(n === '' ? undefined : Number(n))} />
    : <TextInput {...common(p)} {...text(p)} />),
  URLWidget: (p: WidgetProps) => <TextInput {...common(p)} {...text(p)} type="url" inputMode="url" />,
  EmailWidget: (p: WidgetProps) => <TextInput {...common(p)} {...text(p)} type="email" />,
  PasswordWidget: (p: WidgetProps) => <Secret {...common(p)} {...text(p)} autoComplete="new-password" />,
  TextareaWidget: (p: WidgetProps) => <Textarea {...common(p)} {...text(p)} autosize minRows={3} />,
  SelectWidget: (p: WidgetProps) => (
    <NativeSelect {...common(p)} value={p.value === undefined ? '' : String(p.options.enumOptions?.findIndex((o) => o.value === p.value) ?? '')}
      data={[...(p.value === undefined || !p.required ? [{ value: '', label: '' }] : []), ...(p.options.enumOptions ?? []).map((o, i) => ({ value: String(i), label: labelsOf(p.schema)[String(o.value)] ?? o.label }))]}
      onChange={(event) => { const i = event.currentTarget.value; p.onChange(i === '' ? undefined : p.options.enumOptions?.[Number(i)]?.value); }} />
  ),
  CheckboxWidget: (p: WidgetProps) => <Checkbox {...common(p)} checked={p.value === true} onChange={(event) => p.onChange(event.currentTarget.checked)} />,
};

function Field({ children, hidden }: FieldTemplateProps) {
  return hidden ? null : <div className="field">{children}</div>;
}

// What has a default and is not required is seldom needed: it stands folded away below the rest; not so a choice whose values are
// named for people, which the guide speaks of (how one signs in).
function ObjectFields({ properties, schema, title, idSchema }: ObjectFieldTemplateProps) {
  const t = useWords(addWords);
  const rare = (name: string) => {
    const p = (schema.properties?.[name] ?? {}) as Property;
    return !schema.required?.includes(name) && !('x-tidemark-labels' in p) && (p.default !== undefined || p.type === 'integer') && !isSecret(p);
  };
  const shown = properties.filter((p) => !rare(p.name)), folded = properties.filter((p) => rare(p.name));
  const isRoot = idSchema.$id === 'root';
  const body = (
    <>
      {shown.map((p) => p.content)}
      {folded.length > 0 && <details className="fold"><summary>{t('moreOptions')}</summary><div className="stack-small">{folded.map((p) => p.content)}</div></details>}
    </>
  );
  return isRoot ? <div className="fields">{body}</div> : <fieldset className="fields"><legend>{title}</legend>{body}</fieldset>;
}

function ArrayFields({ items, title, canAdd, onAddClick, schema }: ArrayFieldTemplateProps) {
  const t = useWords(addWords);
  return (
    <fieldset className="fields">
      <legend>{title}</legend>
      {schema.description && <p className="dim small">{schema.description}</p>}
      {items.map((item) => (
        <div key={item.key} className="row">
          <div className="grow">{item.children}</div>
          {item.hasRemove && <ActionIcon aria-label={t('removeItem')} onClick={item.onDropIndexClick(item.index)}><Icon name="cross" /></ActionIcon>}
        </div>
      ))}
      {canAdd && <div><Button variant="default" onClick={onAddClick} leftSection={<Icon name="plus" size={14} />}>{t('addItem')}</Button></div>}
    </fieldset>
  );
}

const nothing = () => null;
const templates: Partial<TemplatesType<Values>> = {
  FieldTemplate: Field, ObjectFieldTemplate: ObjectFields, ArrayFieldTemplate: ArrayFields, ErrorListTemplate: nothing, DescriptionFieldTemplate: nothing,
  TitleFieldTemplate: nothing, FieldErrorTemplate: nothing, FieldHelpTemplate: nothing,
} as never;

const FAULTS = { required: 'required', minLength: 'required', pattern: 'f_pattern', maxLength: 'f_long', minimum: 'f_small', maximum: 'f_large', type: 'f_pattern', enum: 'f_pattern', format: 'f_pattern', minItems: 'f_few', maxItems: 'f_many' } as const;

interface Props { schema: Record<string, unknown>; values: Values; onChange: (v: Values) => void; onSubmit: (v: Values) => void; id: string; faults?: ErrorSchema<Values> }

export default function SchemaForm({ schema, values, onChange, onSubmit, id, faults }: Props) {
  const t = useWords(addWords);
  const ui = useMemo(() => uiOf(schema as Property), [schema]);
  return (
    <Form<Values> id={id} schema={schema as RJSFSchema} uiSchema={ui} validator={judge} widgets={widgets} templates={templates} formData={values} extraErrors={faults} noHtml5Validate
      showErrorList={false} focusOnFirstError experimental_defaultFormStateBehavior={{ emptyObjectFields: 'skipDefaults' }}
      transformErrors={(errors) => errors.map((e) => ({ ...e, message: e.name && e.name in FAULTS ? t(FAULTS[e.name as keyof typeof FAULTS]) : `${t('invalid')}: ${e.message ?? ''}` }))}
      onChange={({ formData }) => onChange(formData ?? {})} onSubmit={({ formData }) => onSubmit(formData ?? {})} onError={() => undefined}><span /></Form>
  );
}
