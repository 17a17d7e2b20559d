// What a template's form asks for: a reading of its JSON Schema, in its own order.
import { useWords } from '../../i18n';
import { templateWords } from './words';

interface Property { type?: string | string[]; title?: string; description?: string; enum?: unknown[]; order?: number; airbyte_secret?: boolean; format?: string; oneOf?: unknown[]; 'x-tidemark-labels'?: Record<string, string> }
interface Schema { properties?: Record<string, Property>; required?: string[] }

const typeOf = (p: Property) => (p.enum ? p.enum.map((value) => p['x-tidemark-labels']?.[String(value)] ?? String(value)).join(' | ') : p.oneOf ? '…' : p.format ?? [p.type].flat().filter(Boolean).join(' | '));

export function FormPreview({ schema }: { schema: Record<string, unknown> | null | undefined }) {
  const t = useWords(templateWords);
  const { properties = {}, required = [] } = (schema ?? {}) as Schema;
  const fields = Object.entries(properties).sort(([, a], [, b]) => (a.order ?? 1e6) - (b.order ?? 1e6));
  if (fields.length === 0) return <p className="dim small">{t('formNone')}</p>;
  return (
    <dl className="facts" data-said>
      {fields.map(([name, p]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt><span className="mono small">{name}</span></dt>
          <dd>
            <div className="row wrap"><strong>{p.title ?? name}</strong><span className="dim small">{typeOf(p)}</span>
              {required.includes(name) && <span className="badge plain">{t('required')}</span>}{p.airbyte_secret && <span className="badge plain warn">{t('secret')}</span>}</div>
            {p.description && <div className="dim small">{p.description}</div>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
