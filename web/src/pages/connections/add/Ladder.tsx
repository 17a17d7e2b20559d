// A test as a ladder: each step stands on the one below it, and the first that breaks says why.
import type { paths } from '../../../api/schema';
import { useWords } from '../../../i18n';
import { useFieldWord } from '../../../parts/fields';
import { Icon } from '../../../parts/Icon';
import { Said } from '../../../parts/Said';
import { addWords } from '../words';

export type Tried = paths['/api/v1/templates/{name}/try']['post']['responses']['200']['content']['application/json']['data'];

const ICONS = { ok: 'check', warning: 'alert', failed: 'cross', skipped: 'more' } as const;

export function Ladder({ tried }: { tried: Tried }) {
  const t = useWords(addWords);
  return (
    <ol className="ladder">
      {tried.steps.map((step) => (
        <li key={step.step} className={step.status} data-step={step.step} data-status={step.status}>
          <span className="rung"><Icon name={ICONS[step.status]} size={14} /></span>
          <div className="grow">
            <span className="rung-name">{t(`l_${step.step}`)}{step.step === 'version' && tried.apiVersion ? <span className="dim"> {tried.apiVersion}</span> : null}</span>
            <span className="hidden-text">: {t(`l_${step.status}`)}</span>
            {step.message && <div className="rung-words"><Said text={step.message} code={step.status === 'failed' ? tried.code : null} /></div>}
            {step.step === 'streams' && tried.streams.length > 0 && (
              <ul className="rung-streams">
                {tried.streams.map((s) => (
                  <li key={s.stream} className={s.status}><Icon name={s.status === 'ok' ? 'check' : 'cross'} size={12} /> {s.stream}{s.message && <span className="dim"> <Said text={s.message} /></span>}</li>
                ))}
              </ul>
            )}
            {step.step === 'sample' && step.status === 'warning' && <div className="dim small">{t('noSample')}</div>}
          </div>
          {step.durationMs !== null && <span className="dim small number">{t('took', { ms: step.durationMs || '< 1' })}</span>}
          {step.status === 'skipped' && <span className="dim small">{t('l_skipped')}</span>}
        </li>
      ))}
    </ol>
  );
}

export function Sample({ tried }: { tried: Tried }) {
  const t = useWords(addWords);
  const word = useFieldWord();
  if (!tried.sample.length) return null;
  const fields = [...new Set(tried.sample.flatMap((r) => Object.entries(r.data ?? {}).filter(([, v]) => v !== null && typeof v !== 'object').map(([k]) => k)))].slice(0, 5);
  const text = (value: unknown) => (value === null || value === undefined ? '' : String(value));
  return (
    <div className="stack-small">
      <h3>{t('sample')}</h3>
      <div className="sample" tabIndex={0} role="region" aria-label={t('sample')}>
        <table>
          <thead><tr><th scope="col">id</th>{fields.map((f) => <th key={f} scope="col">{word(f)}</th>)}</tr></thead>
          <tbody>{tried.sample.map((r, i) => (
            <tr key={r.externalId ?? i}><th scope="row" className="mono">{r.externalId}</th>
              {r.rejected ? <td colSpan={fields.length} className="bad-text"><Said text={r.rejected} /></td> : fields.map((f) => <td key={f}>{text((r.data as Record<string, unknown> | null)?.[f])}</td>)}</tr>
          ))}</tbody>
        </table>
      </div>
    </div>
  );
}
