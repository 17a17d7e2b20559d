// The streams of a template, and which of them cannot be read and why.
import { useWords } from '../../i18n';
import { Table } from '../../parts/Table';
import { useKindWord } from '../records/kinds';
import { templateWords } from './words';

export interface StreamInfo { name: string; entityType: string | null; synced: boolean; incremental: boolean; deletes: boolean; refused: string | null }

export function Streams({ streams }: { streams: readonly StreamInfo[] }) {
  const t = useWords(templateWords);
  const kindWord = useKindWord();
  const how = (s: StreamInfo) => [t(s.incremental ? 'incremental' : 'full'), s.deletes ? t('deletes') : ''].filter(Boolean).join(', ');
  return (
    <Table label={t('streams')} rows={streams} rowKey={(s) => s.name} columns={[
      { id: 'name', header: t('stream'), width: 'minmax(0, 1.2fr)', cell: (s) => <span className="mono small">{s.name}</span> },
      { id: 'kind', header: t('kind'), width: 'minmax(0, 1fr)', narrow: false, cell: (s) => s.entityType && kindWord(s.entityType) },
      { id: 'reads', header: t('reads'), width: 'minmax(0, 2fr)', narrow: 'minmax(0, 1.4fr)', free: true,
        cell: (s) => (s.refused ? <span className="note bad">{t('refused', { why: s.refused })}</span> : how(s)) },
    ]} />
  );
}
