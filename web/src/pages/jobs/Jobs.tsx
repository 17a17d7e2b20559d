// Jobs: what is queued, what repeats, how far it is; named, so that they are paused and cancelled by name.
import { ActionIcon, Button, Menu, Modal, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { FormEvent } from 'react';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useConnections } from '../../api/names';
import { useChange, useList } from '../../api/query';
import { useMay, useSession } from '../../api/session';
import { useFormats, useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { say, sayError, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { queryText, useFilters } from '../../parts/filters';
import { Icon } from '../../parts/Icon';
import { Page } from '../../parts/Page';
import { Said } from '../../parts/Said';
import { Ago, Empty, Loading, NoMatch, Progress } from '../../parts/Small';
import { Status } from '../../parts/Status';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { KINDS, useKindWord } from '../records/kinds';
import { jobWords } from './words';

type Job = Schemas['Job'];
type JobRequest = Schemas['JobRequest'];
type JobStatus = Schemas['JobStatus'];
const STATUSES = ['queued', 'active', 'paused', 'completed', 'failed'] as const;
const REPEATS = ['once', 'hourly', 'daily', 'weekly', 'monthly'] as const;
const EVERY_MS = 3_000, TOUCHES = ['jobs', 'runs', 'overview'];

// This door knows its caller's organisation by a header.
const useOrganisation = () => { const { tenantKey } = useSession(); return { orgid: tenantKey ?? '' }; };
const shown = (job: Job) => (job.cancelled ? 'cancelled' : job.status === 'active' ? 'in_progress' : job.status);

function Actions({ job }: { job: Job }) {
  const t = useWords(jobWords);
  const header = useOrganisation();
  const confirm = useConfirm();
  const where = { params: { path: { name: job.name }, header } };
  const pause = useChange(() => api.POST('/sync/pause/{name}', where), TOUCHES);
  const resume = useChange(() => api.POST('/sync/resume/{name}', where), TOUCHES);
  const cancel = useChange(() => api.POST('/sync/cancel/{name}', where), TOUCHES);
  const told = (words: string) => ({ onSuccess: () => say(words), onError: sayError });
  const live = job.status === 'queued' || job.status === 'active' || job.status === 'paused';
  if (!live) return null;
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon aria-label={t('more', { name: job.name })}><Icon name="more" /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          {job.status === 'paused' ? <Menu.Item onClick={() => resume.mutate(undefined, told(t('resumed', { name: job.name })))}>{t('resume')}</Menu.Item>
            : <Menu.Item onClick={() => pause.mutate(undefined, told(t('paused', { name: job.name })))}>{t('pause')}</Menu.Item>}
          <Menu.Item color="red" onClick={() => confirm.ask({ title: t('cancelAsk', { name: job.name }), body: t('cancelText'), action: t('cancel'), danger: true,
            run: async () => { await cancel.mutateAsync(undefined); say(t('cancelled', { name: job.name })); } })}>{t('cancel')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {confirm.dialog}
    </>
  );
}

function NewJob({ onClose }: { onClose: () => void }) {
  const t = useWords(jobWords);
  const header = useOrganisation();
  const connections = useConnections();
  const kindWord = useKindWord();
  const [form, setForm] = useState({ name: '', source: null as string | null, type: 'full', entity: 'contacts', priority: 'normal', repeat: 'once', time: '03:00',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone });
  const set = (change: Partial<typeof form>) => setForm((before) => ({ ...before, ...change }));
  const queue = useChange((body: JobRequest) => api.POST('/sync/queue', { params: { header }, body }), TOUCHES);
  const repeats = form.repeat !== 'once';
  const send = (event: FormEvent) => {
    event.preventDefault();
    queue.mutate({
      name: form.name, type: repeats ? 'scheduled' : (form.type as JobRequest['type']), priority: form.priority as JobRequest['priority'],
      data: { source: form.source ?? '', target: null, ...(form.type === 'entity' ? { entity: form.entity } : {}) },
      ...(repeats ? { schedule: { repeat: form.repeat, ...(form.repeat === 'hourly' ? {} : { time: form.time }), timezone: form.timezone } } : {}),
    }, { onSuccess: () => { say(t('done')); onClose(); } });
  };
  const pick = (names: readonly string[], label: (name: string) => string) => names.map((value) => ({ value, label: label(value) }));
  return (
    <form className="stack" onSubmit={send}>
      <TextInput label={t('name')} description={t('nameHint')} required value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} data-autofocus />
      <Select label={t('source')} required searchable data={connections.choices} value={form.source} onChange={(source) => set({ source })} />
      <div className="grid two">
        <Select label={t('type')} allowDeselect={false} disabled={repeats} value={form.type} onChange={(type) => set({ type: type ?? 'full' })}
          data={pick(['full', 'incremental', 'entity'], (name) => t(`t_${name}` as 't_full'))} />
        <Select label={t('priority')} allowDeselect={false} value={form.priority} onChange={(priority) => set({ priority: priority ?? 'normal' })}
          data={pick(['high', 'normal', 'low'], (name) => t(name as 'high'))} />
        {form.type === 'entity' && !repeats && <Select label={t('entity')} allowDeselect={false} data={pick(KINDS, kindWord)} value={form.entity} onChange={(entity) => set({ entity: entity ?? 'contacts' })} />}
        <Select label={t('repeat')} allowDeselect={false} value={form.repeat} onChange={(repeat) => set({ repeat: repeat ?? 'once' })} data={pick(REPEATS, (name) => t(name as 'once'))} />
        {repeats && form.repeat !== 'hourly' && <TextInput label={t('time')} type="time" value={form.time} onChange={(event) => set({ time: event.currentTarget.value })} />}
        {repeats && <TextInput label={t('timezone')} value={form.timezone} onChange={(event) => set({ timezone: event.currentTarget.value })} />}
      </div>
      {queue.error && <ErrorBox error={queue.error} />}
      <div className="row"><Button type="submit" loading={queue.isPending}>{t('queue')}</Button></div>
    </form>
  );
}

function useColumns(mayChange: boolean): Column<Job>[] {
  const t = useWords(jobWords);
  const f = useFormats();
  const { nameOf } = useConnections();
  const how = (repeat: string) => ((REPEATS as readonly string[]).includes(repeat) ? t(repeat as 'daily') : repeat);
  const at = (time: unknown) => (typeof time === 'string' && time ? t('atTime', { time }) : '');
  const repeat = (job: Job) => (typeof job.schedule?.repeat === 'string' ? t('repeats', { how: [how(job.schedule.repeat), at(job.schedule.time)].filter(Boolean).join(' ') }) : '');
  const when = (job: Job) => {
    if (job.status === 'active' && job.estimatedCompletion) return t('ends', { at: f.ago(job.estimatedCompletion) });
    if (job.status === 'queued' && job.estimatedStart) return t('starts', { at: f.ago(job.estimatedStart) });
    return <Ago at={job.completedAt ?? job.startedAt ?? job.queuedAt} />;
  };
  const name = (job: Job) => nameOf(job.name) ?? job.name;   // a sync without a name of its own goes by its connection's id
  return [
    { id: 'job', header: t('job'), width: 'minmax(0, 2fr)', free: true, cell: (job) => (
      <>{job.runId ? <Link href={`/runs/${job.runId}`} className="first">{name(job)}</Link> : <strong>{name(job)}</strong>}
        <span className="under">{[t(`t_${job.type}`), job.priority === 'normal' ? '' : t(job.priority), repeat(job)].filter(Boolean).join(' · ')}{job.errorMessage && <> · <Said text={job.errorMessage} /></>}</span></>) },
    { id: 'status', header: t('status'), width: '120px', narrow: '108px', cell: (job) => <Status of={shown(job)} /> },
    { id: 'progress', header: t('progress'), width: '150px', narrow: false, cell: (job) => (
      <div className="row"><div className="grow"><Progress done={job.progress} total={100} label={`${t('progress')} ${name(job)}`} /></div><span className="number small">{job.progress}%</span></div>) },
    { id: 'when', header: t('when'), width: '130px', narrow: false, cell: when },
    { id: 'actions', header: '', width: '32px', cell: (job) => mayChange && <Actions job={job} /> },
  ];
}

export default function Jobs() {
  const t = useWords(jobWords);
  const states = useWords(shellWords);
  const header = useOrganisation();
  const mayChange = useMay('content:update'), mayDelete = useMay('content:delete');
  const [filters, setFilters] = useFilters(['status']);
  const [making, setMaking] = useState(false);
  const confirm = useConfirm();
  const status = (filters.status || undefined) as JobStatus | undefined;
  const jobs = useList(['jobs', status], (cursor) => api.GET('/sync/jobs', { params: { query: { status, cursor, limit: 100 }, header } }), { every: EVERY_MS });
  const purge = useChange(() => api.POST('/sync/purge', { params: { header } }), TOUCHES);
  const columns = useColumns(mayChange);
  const label = (name: JobStatus) => states(name === 'active' ? 's_in_progress' : `s_${name}`);
  const askPurge = () => confirm.ask({ title: t('purgeAsk'), body: t('purgeText'), action: t('purge'), danger: true,
    run: async () => { const { purgedJobs } = await purge.mutateAsync(undefined); say(t('purged', { n: purgedJobs.completed + purgedJobs.failed })); } });
  return (
    <Page title={t('title')} lead={t('lead')} commands={{ path: `/sync/jobs${queryText(filters)}`, headers: header, cli: `tidemark jobs${status ? ` --status ${status}` : ''}` }}
      actions={<>
        {mayDelete && <Button variant="default" onClick={askPurge}>{t('purge')}</Button>}
        {mayChange && <Button onClick={() => setMaking(true)}>{t('new')}</Button>}
      </>}>
      <div className="panel">
        <div className="filters">
          <Select size="xs" aria-label={t('status')} placeholder={t('any')} clearable w={180} value={filters.status || null} onChange={(value) => setFilters({ status: value ?? '' })}
            data={STATUSES.map((value) => ({ value, label: label(value) }))} />
        </div>
        {jobs.error ? <ErrorBox error={jobs.error} retry={() => void jobs.refetch()} />
          : jobs.isPending ? <Loading />
          : jobs.rows.length === 0 && status ? <NoMatch title={t('noneFound')} clear={() => setFilters({ status: '' })} />
          : jobs.rows.length === 0 ? <Empty title={t('none')} action={mayChange && <Button onClick={() => setMaking(true)}>{t('new')}</Button>}>{t('noneText')}</Empty>
          : <Table label={t('title')} rows={jobs.rows} columns={columns} rowKey={(job) => job.id} rowHeight={52} total={jobs.meta?.total} totalAtLeast={jobs.meta?.totalAtLeast}
              more={jobs.more} />}
      </div>
      <Modal opened={making} onClose={() => setMaking(false)} title={t('new')} size="lg" closeButtonProps={{ 'aria-label': states('close') }}><NewJob onClose={() => setMaking(false)} /></Modal>
      {confirm.dialog}
    </Page>
  );
}
