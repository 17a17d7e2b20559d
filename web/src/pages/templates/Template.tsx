// One template: its guide, what its form asks for, its streams.
import { Button } from '@mantine/core';
import { Link, useLocation, useParams } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useChange } from '../../api/query';
import { useMay } from '../../api/session';
import { useLanguage, useWords } from '../../i18n';
import { say, sayError, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Guide } from '../connections/form/Guide';
import { useTemplate } from '../connections/queries';
import { Page, Panel } from '../../parts/Page';
import { Loading } from '../../parts/Small';
import { FormPreview } from './FormPreview';
import { Streams } from './Streams';
import { useManaged } from './Templates';
import { templateWords } from './words';

const TOUCHES = ['templates'];

function Manage({ managed }: { managed: Schemas['IntegrationTemplate'] }) {
  const t = useWords(templateWords);
  const confirm = useConfirm();
  const [, go] = useLocation();
  const path = { params: { path: { id: String(managed.id) } } };
  const change = useChange((isActive: boolean) => api.PATCH('/api/admin/integration-templates/{id}', { ...path, body: { isActive } }), TOUCHES);
  const remove = useChange(() => api.DELETE('/api/admin/integration-templates/{id}', path), TOUCHES);
  const name = managed.displayName ?? managed.name;
  return (
    <>
      <Button variant="default" loading={change.isPending} onClick={() => change.mutate(!managed.isActive, { onSuccess: () => say(t('done')), onError: sayError })}>{t(managed.isActive ? 'deactivate' : 'activate')}</Button>
      {!managed.builtIn && (
        <Button variant="default" color="red" onClick={() => confirm.ask({ title: t('removeAsk', { name }), body: t('removeText'), action: t('remove'), danger: true,
          run: async () => { await remove.mutateAsync(undefined); say(t('removed')); go('/templates'); } })}>{t('remove')}</Button>
      )}
      {confirm.dialog}
    </>
  );
}

export default function TemplatePage() {
  const t = useWords(templateWords);
  const { said } = useLanguage();
  const { name = '' } = useParams<{ name: string }>();
  const isAdmin = useMay('admin'), mayChange = useMay('content:update');
  const asked = useTemplate(name);
  const managed = useManaged().data?.data.find((x) => x.name === name);
  const template = asked.data?.data;
  const up = { href: '/templates', label: t('title') };
  if (!template)
    return <Page title={t('template')} up={up}>{asked.error ? <ErrorBox error={asked.error} retry={() => void asked.refetch()} /> : <div className="panel"><Loading /></div>}</Page>;
  return (
    <Page title={managed?.displayName ?? template.displayName ?? name} lead={template.description} up={up} commands={{ path: `/api/v1/templates/${name}`, cli: `tidemark templates ${name}` }}
      badge={template.apiVersion && <span className="badge plain">{template.apiVersion}</span>}
      actions={<>
        {isAdmin && managed && <Manage managed={managed} />}
        {template.documentationUrl && /^https?:\/\//.test(template.documentationUrl) && <Button component="a" href={template.documentationUrl} target="_blank" rel="noreferrer" variant="default">{t('docs')}</Button>}
        {mayChange && <Button component={Link} href={`/connections/new/${name}`}>{t('connect')}</Button>}
      </>}>
      <div className="grid wide-narrow">
        <div className="stack">
          <Panel title={t('streams')} flush><Streams streams={template.streams} /></Panel>
          <Panel title={t('form')}><FormPreview schema={template.configSchema} /></Panel>
        </div>
        {template.instructions && <Panel title={t('guide')}><div lang={template.language ?? said}><Guide text={template.instructions} /></div></Panel>}
      </div>
    </Page>
  );
}
