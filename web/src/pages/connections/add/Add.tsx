// A new connection: its credential with the guide beside it, the test as a ladder, what to sync, and off it goes.
import { Button, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useLocation, useParams } from 'wouter';

import { ApiError, api } from '../../../api/client';
import type { Schemas } from '../../../api/client';
import { refresh, useChange } from '../../../api/query';
import { useLanguage, useWords } from '../../../i18n';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Icon } from '../../../parts/Icon';
import { Page, Panel, shellText } from '../../../parts/Page';
import { useSaid } from '../../../parts/Said';
import { Loading, Logo } from '../../../parts/Small';
import { later } from '../../../parts/later';
import { faultsOf } from '../form/faults';
import type { Values } from '../form/faults';
import { useTemplate } from '../queries';
import { AUTOMATIC, What, scheduleOf } from '../What';
import type { WhatValue } from '../What';
import { addWords } from '../words';
import { Ladder, Sample } from './Ladder';
import type { Tried } from './Ladder';

const SchemaForm = later(() => import('../form/SchemaForm').then((m) => m.default));
const Guide = later(() => import('../form/Guide').then((m) => m.Guide));

type Template = Schemas['TemplateDetail'];
type Step = 'credential' | 'test' | 'what';
const STEPS: readonly Step[] = ['credential', 'test', 'what'];

function Steps({ step }: { step: Step }) {
  const t = useWords(addWords);
  const labels = { credential: t('step1'), test: t('step2'), what: t('step3') };
  return (
    <ol className="steps">
      {STEPS.map((s, i) => <li key={s} aria-current={s === step ? 'step' : undefined} className={i < STEPS.indexOf(step) ? 'done' : ''}><span className="number">{i + 1}</span>{labels[s]}</li>)}
    </ol>
  );
}

function GuidePanel({ template }: { template: Template }) {
  const t = useWords(addWords);
  const { said: own } = useLanguage();
  const name = template.displayName ?? template.name;
  return (
    <Panel title={t('guide')}>
      <div className="stack-small">
        {template.instructions ? <div lang={template.language ?? own}><Guide text={template.instructions} meanwhile={<Loading lines={4} />} /></div> : <p className="dim">{t('noGuide')}</p>}
        {template.documentationUrl && /^https?:\/\//.test(template.documentationUrl) && (
          <a className="link row" href={template.documentationUrl} target="_blank" rel="noreferrer noopener">{t('vendorDocs', { name })}<Icon name="external" size={12} /></a>
        )}
      </div>
    </Panel>
  );
}

function Wizard({ template }: { template: Template }) {
  const t = useWords(addWords);
  const said = useSaid();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [step, setStep] = useState<Step>('credential');
  const [name, setName] = useState(template.displayName ?? template.name);
  const [values, setValues] = useState<Values>({});
  const [tried, setTried] = useState<Tried | null>(null);
  const [what, setWhat] = useState<WhatValue>({ streams: template.streams.filter((s) => s.synced && !s.refused).map((s) => s.name), direction: 'pull', every: AUTOMATIC });
  const top = useRef<HTMLDivElement>(null);
  const test = useChange((credentials: Values) => api.POST('/api/v1/templates/{name}/try', { params: { path: { name: template.name } }, body: { credentials } }));
  const create = useChange(async () => {
    const made = await api.POST('/api/v1/sync/connections', { headers: { 'Idempotency-Key': crypto.randomUUID() }, body: {
      name, platform: template.name, credentials: values, enabled: true, streams: [...what.streams], direction: what.direction, schedule: scheduleOf(what.every) } });
    if (made.data && what.direction !== 'push') await api.POST('/api/v1/sync/connections/{id}/sync', { params: { path: { id: made.data.data.id } }, body: {} });
    return made;
  });
  // The first focus of a step, for who does not see that it changed.
  useEffect(() => { if (step !== 'credential') top.current?.focus(); }, [step]);

  const runTest = (credentials: Values) => {
    setValues(credentials);
    setTried(null);
    setStep('test');
    test.mutate(credentials, {
      onSuccess: (answer) => setTried(answer.data),
      onError: (error) => { if (error instanceof ApiError && error.details.length) setStep('credential'); },
    });
  };
  const start = () => create.mutate(undefined, { onSuccess: (made) => { void refresh(client, ['connections', 'overview', 'runs']); go(`/connections/${made.data.id}`); } });
  const missing = what.streams.length === 0 ? t('pickStream') : undefined;
  return (
    <div className="stack" ref={top} tabIndex={-1} style={{ outline: 'none' }}>
      <Steps step={step} />
      {step === 'credential' && (
        <div className="grid wide-narrow">
          <Panel title={t('step1')}>
            <div className="stack">
              <TextInput label={t('connectionName')} description={t('connectionNameHint')} value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} />
              <SchemaForm id="credential" schema={template.configSchema ?? {}} values={values} onChange={setValues} onSubmit={runTest} faults={faultsOf(test.error, said)} meanwhile={<Loading lines={5} />} />
              {test.error && !(test.error instanceof ApiError && test.error.details.length > 0) && <ErrorBox error={test.error} />}
              <div className="row"><Button type="submit" form="credential">{t('testIt')}</Button></div>
            </div>
          </Panel>
          <GuidePanel template={template} />
        </div>
      )}
      {step === 'test' && (
        <Panel title={t('step2')}>
          <div className="stack" aria-live="polite">
            {test.isPending && <><p className="dim">{t('testing', { name: template.displayName ?? template.name })}</p><Loading lines={6} /></>}
            {test.error && <ErrorBox error={test.error} retry={() => runTest(values)} />}
            {tried && <Ladder tried={tried} />}
            {tried && <Sample tried={tried} />}
            <div className="row wrap">
              <Button variant="default" onClick={() => setStep('credential')}>{t('back')}</Button>
              {!test.isPending && <Button variant="default" onClick={() => runTest(values)}>{t('testAgain')}</Button>}
              {tried?.ok && <Button onClick={() => setStep('what')}>{t('next')}</Button>}
              {tried && !tried.ok && tried.code === 'VENDOR_UNAVAILABLE' && <Button variant="subtle" onClick={() => setStep('what')}>{t('skipTest')}</Button>}
            </div>
          </div>
        </Panel>
      )}
      {step === 'what' && (
        <Panel title={t('step3')}>
          <div className="stack">
            <What streams={template.streams} value={what} onChange={setWhat} fault={missing} />
            {create.error && <ErrorBox error={create.error} />}
            <div className="row"><Button variant="default" onClick={() => setStep('test')}>{t('back')}</Button>
              <Button loading={create.isPending} disabled={!!missing} onClick={start} leftSection={<Icon name="play" size={14} />}>{t('start')}</Button></div>
          </div>
        </Panel>
      )}
    </div>
  );
}

export default function Add() {
  const t = useWords(addWords);
  const { template: name } = useParams<{ template: string }>();
  const asked = useTemplate(name);
  const template = asked.data?.data;
  const needed = (template?.configSchema as { required?: string[] } | undefined)?.required ?? [];
  const title = t('connectTo', { name: template?.displayName ?? name ?? '' });
  return (
    <Page title={title} up={{ href: '/connections/new', label: t('title') }} badge={template && <Logo name={template.displayName ?? template.name} />}
      commands={{ method: 'POST', path: '/api/v1/sync/connections', body: { name: template?.displayName ?? name, platform: name, credentials: Object.fromEntries(needed.map((field) => [field, '...'])) },
        cli: `tidemark connect ${name} ${needed.map((field) => `${field}=...`).join(' ')} --name ${shellText(template?.displayName ?? name ?? '')}` }}>
      {asked.error && <ErrorBox error={asked.error} retry={() => void asked.refetch()} />}
      {asked.isPending && <div className="panel"><Loading /></div>}
      {template && <Wizard key={template.name} template={template} />}
    </Page>
  );
}
