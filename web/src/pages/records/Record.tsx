// One record: its fields with who set each last, its ids on every platform, what changed when, conflicts.
import { Button, Menu, Textarea } from '@mantine/core';
import { Fragment, useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';

import { api } from '../../api/client';
import { useConnections } from '../../api/names';
import { useChange, useData } from '../../api/query';
import { useMay } from '../../api/session';
import { useWords } from '../../i18n';
import { say, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Json } from '../../parts/Json';
import { Page, Panel } from '../../parts/Page';
import { Said } from '../../parts/Said';
import { Ago, Loading } from '../../parts/Small';
import { OWN, isKind, onePath, plain, titleOf, useKindWord } from './kinds';
import type { EntityDetail } from './kinds';
import { recordWords } from './words';
import '../../parts/lists.css';
import './records.css';

const LINES_MAX = 40;
const TOUCHES = ['records', 'overview', 'conflicts'];
type Change = EntityDetail['history'][number];
type Place = EntityDetail['externalIds'][number];
const fieldsOf = (record: EntityDetail) => Object.keys(record).filter((name) => !OWN.has(name));

function Value({ value }: { value: unknown }) {
  const t = useWords(recordWords);
  if (value === null || value === undefined || value === '') return <span className="dim">{t('nothing')}</span>;
  if (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length <= LINES_MAX)
    return <dl className="facts nested">{Object.entries(value).map(([name, inner]) => <Fragment key={name}><dt>{name}</dt><dd><Value value={inner} /></dd></Fragment>)}</dl>;
  if (typeof value === 'object') return <code className="small">{JSON.stringify(value)}</code>;
  return <>{String(value)}</>;
}

// A key goes by an id that is too long to be read.
const actorName = (actor: string | null) => actor?.replace(/^(key):([0-9a-f]{8})-[0-9a-f-]+$/, '$1 $2') ?? null;

function useWho() {
  const t = useWords(recordWords);
  const { nameOf } = useConnections();
  return (change: Change) => (change.connectionId ? nameOf(change.connectionId) ?? change.connectionId : actorName(change.actor) ?? t('you'));
}

// Who gave a field the value it has: the newest change that names it, else whoever brought the record.
function Origin({ record, field }: { record: EntityDetail; field: string }) {
  const who = useWho();
  const { nameOf } = useConnections();
  const change = record.history.find((c) => field in c.oldValues);
  if (change) return <>{who(change)}, <Ago at={change.at} /></>;
  const first = record.externalIds[0];
  return <>{first ? nameOf(first.connectionId) ?? first.provider : ''}{first && ', '}<Ago at={record.createdAt} /></>;
}

function Editor({ record, onDone }: { record: EntityDetail; onDone: () => void }) {
  const t = useWords(recordWords);
  const fields = fieldsOf(record);
  const [texts, setTexts] = useState<Record<string, string>>(() => Object.fromEntries(fields.map((name) => [name, plain(record[name])])));
  const [fault, setFault] = useState<string | null>(null);
  const path = onePath(isKind(record.kind) ? record.kind : 'contacts');
  const save = useChange((body: Record<string, unknown>) => api.PATCH(path, { params: { path: { id: record.id }, header: { 'If-Match': `"${record.version}"` } }, body }), TOUCHES);
  const changedValues = () => Object.fromEntries(fields.filter((name) => (texts[name] ?? '') !== plain(record[name])).map((name) => {
    const text = texts[name] ?? '', before = record[name];
    if (text === '') return [name, null];
    if (before === null || typeof before === 'string') return [name, text];
    try {
      return [name, JSON.parse(text) as unknown];
    } catch {
      throw new Error(t('notJson', { field: name }));
    }
  }));
  const send = () => {
    try {
      setFault(null);
      save.mutate(changedValues(), { onSuccess: () => { say(t('saved')); onDone(); } });
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form className="stack-small" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <p className="dim small">{t('editHint')}</p>
      {fields.map((name) => (
        <Textarea key={name} label={name} autosize minRows={1} maxRows={10} value={texts[name] ?? ''}
          onChange={(event) => { const { value } = event.currentTarget; setTexts((before) => ({ ...before, [name]: value })); }} />
      ))}
      {fault && <p className="note bad" role="alert"><Said text={fault} /></p>}
      {save.error && <ErrorBox error={save.error} />}
      <div className="row"><Button type="submit" loading={save.isPending}>{t('save')}</Button><Button variant="default" onClick={onDone}>{t('cancel')}</Button></div>
    </form>
  );
}

function Fields({ record, mayChange }: { record: EntityDetail; mayChange: boolean }) {
  const t = useWords(recordWords);
  const [editing, setEditing] = useState(false);
  const canEdit = mayChange && isKind(record.kind) && !record.deletedAt;
  return (
    <Panel title={t('fields')} tools={canEdit && !editing && <Button variant="default" size="compact-xs" onClick={() => setEditing(true)}>{t('edit')}</Button>} flush={!editing}>
      {editing ? <Editor record={record} onDone={() => setEditing(false)} /> : (
        <div className="field-rows" role="table" aria-label={t('fields')}>
          <div role="row" className="head"><span role="columnheader">{t('field')}</span><span role="columnheader">{t('value')}</span><span role="columnheader" className="wide-only">{t('origin')}</span></div>
          {fieldsOf(record).map((name) => (
            <div role="row" key={name}>
              <span role="rowheader" className="dim">{name}</span><span role="cell"><Value value={record[name]} /></span>
              <span role="cell" className="dim small wide-only"><Origin record={record} field={name} /></span>
            </div>
          ))}
        </div>
      )}
    </Panel>
  );
}

function PlaceRow({ record, place, mayChange }: { record: EntityDetail; place: Place; mayChange: boolean }) {
  const t = useWords(recordWords);
  const confirm = useConfirm();
  const { nameOf } = useConnections();
  const [open, setOpen] = useState(false);
  const name = nameOf(place.connectionId) ?? place.provider;
  const unlink = useChange(() => api.POST('/api/v1/records/{id}/unlink', { params: { path: { id: record.id } },
    body: { connectionId: place.connectionId, externalId: place.externalId, stream: place.stream } }), TOUCHES);
  const ask = () => confirm.ask({ title: t('unlinkTitle'), body: t('unlinkText', { name }), action: t('unlink'), danger: true,
    run: async () => { await unlink.mutateAsync(undefined); say(t('unlinked')); } });
  return (
    <li>
      <div className="row wrap">
        <span className="grow stack-small" style={{ gap: 0 }}>
          <Link href={`/connections/${place.connectionId}`}><strong>{name}</strong></Link>
          <span className="dim small">{place.stream} · <span className="mono">{place.url && /^https?:\/\//.test(place.url)
            ? <a href={place.url} target="_blank" rel="noreferrer" className="link">{place.externalId}</a> : place.externalId}</span>{place.deletedAt && ` · ${t('goneThere')}`}</span>
        </span>
        <Button variant="subtle" size="compact-xs" aria-expanded={open} onClick={() => setOpen(!open)}>{t(open ? 'hide' : 'raw')}</Button>
        {mayChange && record.externalIds.length > 1 && <Button variant="subtle" size="compact-xs" color="red" onClick={ask}>{t('unlink')}</Button>}
      </div>
      {open && <Json value={place.raw} label={`${name} ${place.externalId}`} />}
      {confirm.dialog}
    </li>
  );
}

function History({ record }: { record: EntityDetail }) {
  const t = useWords(recordWords);
  const who = useWho();
  return (
    <Panel title={t('history')} flush>
      {record.history.length === 0 && <p className="panel-body dim small">{t('historyNone')}</p>}
      <ul className="rows">
        {record.history.map((change) => (
          <li key={`${change.version} ${change.at}`}>
            <div className="row wrap"><strong>{who(change)}</strong><Ago at={change.at} /><span className="dim small">{t('version', { n: change.version })}</span>
              {change.runId && <Link href={`/runs/${change.runId}`} className="link small">{change.runId.slice(0, 8)}</Link>}</div>
            <dl className="facts">{Object.entries(change.oldValues).map(([name, value]) => <div key={name} style={{ display: 'contents' }}><dt>{name}</dt><dd>{t('was', { value: plain(value) || t('nothing') })}</dd></div>)}</dl>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Facts({ record }: { record: EntityDetail }) {
  const t = useWords(recordWords);
  const kindWord = useKindWord();
  const conflicts = useData(['conflicts', 'record', record.id], () => api.GET('/api/v1/conflicts', { params: { query: { recordId: record.id, status: 'open', limit: 50 } } }));
  const open = conflicts.data?.meta.total ?? conflicts.data?.data.length ?? 0;
  return (
    <Panel title={t('facts')}>
      <dl className="facts">
        <dt>{t('kind')}</dt><dd>{kindWord(record.kind)}</dd>
        {record.parentId && <><dt>{t('parent')}</dt><dd><Link href={`/records/${record.parentId}`} className="link mono small">{record.parentId}</Link></dd></>}
        <dt>{t('created')}</dt><dd><Ago at={record.createdAt} /></dd>
        <dt>{t('updated')}</dt><dd><Ago at={record.updatedAt} /></dd>
        {record.deletedAt && <><dt>{t('deleted')}</dt><dd><Ago at={record.deletedAt} /></dd></>}
        <dt>{t('conflicts')}</dt><dd>{open > 0 ? <Link href={`/conflicts?recordId=${record.id}`} className="link">{t('openConflicts', { n: open })}</Link> : 0}</dd>
        <dt>{t('id')}</dt><dd className="mono small">{record.id}</dd>
      </dl>
    </Panel>
  );
}

function Removal({ record }: { record: EntityDetail }) {
  const t = useWords(recordWords);
  const confirm = useConfirm();
  const mayDelete = useMay('content:delete'), isAdmin = useMay('admin');
  const [, go] = useLocation();
  const remove = useChange((erase: boolean) => api.DELETE('/api/v1/records/{id}', { params: { path: { id: record.id }, query: { erase } } }), TOUCHES);
  const ask = (erase: boolean) => confirm.ask({ title: t(erase ? 'eraseTitle' : 'removeTitle'), body: t(erase ? 'eraseText' : 'removeText'), action: t(erase ? 'erase' : 'remove'), danger: true,
    run: async () => { await remove.mutateAsync(erase); say(t(erase ? 'erased' : 'removed')); go(`/records/kind/${record.kind}`); } });
  if (!mayDelete || record.deletedAt) return null;
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target><Button variant="default">{t('remove')}</Button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item color="red" onClick={() => ask(false)}>{t('remove')}</Menu.Item>
          {isAdmin && <Menu.Item color="red" onClick={() => ask(true)}>{t('erase')}</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {confirm.dialog}
    </>
  );
}

export default function RecordPage() {
  const t = useWords(recordWords);
  const kindWord = useKindWord();
  const { id = '' } = useParams<{ id: string }>();
  const mayChange = useMay('content:update');
  const asked = useData(['records', 'one', id], () => api.GET('/api/v1/records/{id}', { params: { path: { id } } }));
  const record = asked.data?.data as EntityDetail | undefined;
  if (!record) return <Page title={t('record')} up={{ href: '/records', label: t('title') }}>{asked.error ? <ErrorBox error={asked.error} retry={() => void asked.refetch()} /> : <div className="panel"><Loading lines={10} /></div>}</Page>;
  const up = isKind(record.kind) ? { href: `/records/kind/${record.kind}`, label: kindWord(record.kind) } : { href: '/records', label: t('title') };
  return (
    <Page title={titleOf(record) ?? t('untitled')} up={up} actions={<Removal record={record} />} badge={record.deletedAt && <span className="badge bad">{t('deleted')}</span>}
      commands={{ path: `/api/v1/records/${record.id}`, cli: isKind(record.kind) ? `tidemark ${record.kind} show ${record.id}` : undefined }}>
      <div className="grid wide-narrow">
        <div className="stack"><Fields key={record.version} record={record} mayChange={mayChange} /><History record={record} /></div>
        <div className="stack">
          <Facts record={record} />
          <Panel title={t('platforms')} flush>
            {record.externalIds.length === 0 && <p className="panel-body dim small">{t('platformsNone')}</p>}
            <ul className="rows">{record.externalIds.map((place) => <PlaceRow key={`${place.connectionId} ${place.stream} ${place.externalId}`} record={record} place={place} mayChange={mayChange} />)}</ul>
          </Panel>
        </div>
      </div>
    </Page>
  );
}
