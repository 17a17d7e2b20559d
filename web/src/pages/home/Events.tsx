// What happens, as it happens: the newest first, each leading to what it is about.
import { Link } from 'wouter';

import { useNews } from '../../api/events';
import type { News } from '../../api/events';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { Panel } from '../../parts/Page';
import { useSaid } from '../../parts/Said';
import { Ago } from '../../parts/Small';
import { useKindWord } from '../records/kinds';
import { homeWords } from './words';

const SHOWN = 14;
type EventKey = 'e_run.succeeded' | 'e_run.failed' | 'e_connection.status_changed' | 'e_records.changed' | 'e_conflict.opened' | 'e_alert.raised';
const isBad = ({ type, data }: News) => /failed|alert|conflict/.test(type) || data.status === 'error';
const text = (value: unknown) => (typeof value === 'string' ? value : '');

function placeOf({ type, data }: News): string {
  if (data.runId && type !== 'records.changed') return `/runs/${text(data.runId)}`;
  if (type === 'records.changed') return data.connectionId ? `/connections/${text(data.connectionId)}/records` : '/records';
  if (type === 'conflict.opened') return '/conflicts';
  return data.connectionId ? `/connections/${text(data.connectionId)}` : '/';
}

export function Events({ names }: { names: ReadonlyMap<string, string> }) {
  const t = useWords(homeWords);
  const s = useWords(shellWords);
  const news = useNews();
  const said = useSaid();
  const kindWord = useKindWord();
  const statusWord = (status: string) => {
    const key = `s_${status === 'active' ? 'connected' : status}` as keyof typeof shellWords;
    return key in shellWords ? s(key).toLowerCase() : status;
  };
  const words = (item: News) => {
    const key = `e_${item.type}`;
    const { data } = item;
    if (!(key in homeWords)) return item.type;
    return t(key as EventKey, { name: names.get(text(data.connectionId)) ?? t('here'), status: statusWord(text(data.status)), kind: kindWord(text(data.kind)).toLowerCase(),
      n: Array.isArray(data.ids) ? data.ids.length : 0, message: said(text(data.message) || text(data.alert)) });
  };
  return (
    <Panel title={t('events')} flush>
      {news.length === 0 && <p className="news-none dim small">{t('noEvents')}</p>}
      <ul className="news" aria-live="off">
        {news.slice(0, SHOWN).map((item) => (
          <li key={item.id}>
            <span className={`dot ${isBad(item) ? 'bad' : 'ok'}`} />
            <Link href={placeOf(item)} className="grow ellipsis">{words(item)}</Link>
            <span className="dim small"><Ago at={item.at} /></span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
