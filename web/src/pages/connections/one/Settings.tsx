// Changing a connection: its credential (tested before it is kept), what and how often, who wins; and taking it away.
import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';

import { ApiError, api } from '../../../api/client';
import type { ConnectionDetail, Schemas } from '../../../api/client';
import { useChange } from '../../../api/query';
import { useMay } from '../../../api/session';
import { useLanguage, useWords } from '../../../i18n';
import { say, useConfirm } from '../../../parts/Confirm';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Panel } from '../../../parts/Page';
import { useSaid } from '../../../parts/Said';
import { Loading } from '../../../parts/Small';
import { later } from '../../../parts/later';
import { faultsOf } from '../form/faults';
import type { Values } from '../form/faults';
import { useTemplate } from '../queries';
import { OTHER, What, chosen, everyOf, scheduleOf } from '../What';
import type { WhatValue } from '../What';
import { addWords, oneWords } from '../words';

const SchemaForm = later(() => import('../form/SchemaForm').then((m) => m.default));
const Guide = later(() => import('../form/Guide').then((m) => m.Guide));
const POLICIES = ['last_write_wins', 'source_wins', 'local_wins', 'manual'] as const;
type Template = Schemas['TemplateDetail'];
type Change = Schemas['ConnectionChange'];

const useSave = (id: string, test: boolean) =>
  useChange((body: Change) => api.PATCH('/api/v1/sync/connections/{id}', { params: { path: { id }, query: { test } }, body }), ['connections', 'overview']);

function Credential({ connection, template }: { connection: ConnectionDetail; template: Template }) {
  const t = useWords(oneWords);
  const a = useWords(addWords);
  const said = useSaid();
  const { said: own } = useLanguage();
  const [values, setValues] = useState<Values>((connection.config ?? {}) as Values);
  const save = useSave(connection.id, true);
  const send = (given: Values) => { setValues(given); save.mutate({ credentials: given }, { onSuccess: () => say(t('works', { name: connection.name })) }); };
  const named = save.error instanceof ApiError && save.error.details.some((d) => d.message);
  return (
    <div className="grid wide-narrow">
      <Panel title={t('credential')}>
        <div className="stack">
          <p className="dim small">{a('secretKept')}</p>
          <SchemaForm id="credential" schema={template.configSchema ?? {}} values={values} onChange={setValues} onSubmit={send} faults={faultsOf(save.error, said)} meanwhile={<Loading lines={4} />} />
          {save.error && !named && <ErrorBox error={save.error} />}
          <div><Button type="submit" form="credential" loading={save.isPending}>{t('saveAndTest')}</Button></div>
        </div>
      </Panel>
      {template.instructions && <Panel title={a('guide')}><div lang={template.language ?? own}><Guide text={template.instructions} meanwhile={<Loading lines={4} />} /></div></Panel>}
    </div>
  );
}

function How({ connection, template }: { connection: ConnectionDetail; template: Template }) {
  const t = useWords(oneWords);
  const a = useWords(addWords);
  const [name, setName] = useState(connection.name);
  const [policy, setPolicy] = useState<(typeof POLICIES)[number]>(connection.conflictPolicy ?? 'last_write_wins');
  const [match, setMatch] = useState(connection.match !== 'none');
  const [what, setWhat] = useState<WhatValue>({ streams: connection.streams ?? template.streams.filter((s) => s.synced && !s.refused).map((s) => s.name),
    direction: connection.direction, every: everyOf(connection.schedule) });
  const save = useSave(connection.id, false);
  const fault = what.streams.length ? undefined : a('pickStream');
  const send = () => save.mutate({ name, conflictPolicy: policy, match: match ? null : 'none', streams: [...what.streams], direction: what.direction,
    ...(what.every === OTHER ? {} : { schedule: scheduleOf(what.every) }) }, { onSuccess: () => say(t('saved')) });
  return (
    <Panel title={t('whatHow')}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); send(); }}>
        <TextInput label={a('connectionName')} value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} maw={420} />
        <What streams={template.streams} value={what} onChange={setWhat} fault={fault} />
        <NativeSelect label={t('conflictPolicy')} value={policy} maw={420} onChange={(event) => setPolicy(chosen(POLICIES, event.currentTarget.value, policy))} data={POLICIES.map((p) => ({ value: p, label: t(`p_${p}`) }))} />
        <Checkbox label={t('matching')} checked={match} onChange={(event) => setMatch(event.currentTarget.checked)} />
        {save.error && <ErrorBox error={save.error} />}
        <div><Button type="submit" disabled={!!fault || !name.trim()} loading={save.isPending}>{t('save')}</Button></div>
      </form>
    </Panel>
  );
}

function DeleteBody({ n, onPurge }: { n: number; onPurge: (purge: boolean) => void }) {
  const t = useWords(oneWords);
  return <div className="stack"><p>{t('deleteText')}</p><Checkbox label={t('deletePurge', { n })} onChange={(event) => onPurge(event.currentTarget.checked)} /></div>;
}

function Danger({ connection }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const [, go] = useLocation();
  const mayDelete = useMay('content:delete');
  const confirm = useConfirm();
  const path = { id: connection.id };
  const touches = ['connections', 'overview', 'records', 'runs'];
  const reset = useChange(() => api.DELETE('/api/v1/sync/connections/{id}/state', { params: { path } }), touches);
  const remove = useChange((purge: boolean) => api.DELETE('/api/v1/sync/connections/{id}', { params: { path, query: { purge } } }), touches);
  if (!mayDelete) return null;
  let purge = false;
  const askDelete = () => confirm.ask({ title: t('deleteTitle', { name: connection.name }), danger: true, action: t('delete'),
    body: <DeleteBody n={connection.syncedRecords} onPurge={(on) => { purge = on; }} />,
    run: async () => { await remove.mutateAsync(purge); say(t('deleted_ok', { name: connection.name })); go('/connections'); } });
  const askReset = () => confirm.ask({ title: t('resetState'), body: t('resetText'), action: t('resetState'), run: async () => { await reset.mutateAsync(undefined); say(t('resetDone')); } });
  return (
    <Panel title={t('danger')}>
      <div className="stack">
        <div className="row wrap"><div className="grow"><strong>{t('resetState')}</strong><p className="dim small">{t('resetText')}</p></div><Button variant="default" onClick={askReset}>{t('resetState')}</Button></div>
        <div className="row wrap"><div className="grow"><strong>{t('delete')}</strong><p className="dim small">{t('deleteText')}</p></div><Button color="red" variant="outline" onClick={askDelete}>{t('delete')}</Button></div>
      </div>
      {confirm.dialog}
    </Panel>
  );
}

export function Settings({ connection }: { connection: ConnectionDetail }) {
  const template = useTemplate(connection.platform);
  if (template.error) return <ErrorBox error={template.error} retry={() => void template.refetch()} />;
  if (!template.data) return <div className="panel"><Loading /></div>;
  return (
    <div className="stack">
      <Credential connection={connection} template={template.data.data} />
      <How connection={connection} template={template.data.data} />
      <Danger connection={connection} />
    </div>
  );
}
