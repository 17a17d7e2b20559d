// A template of one's own: the manifest on the left, what Tidemark reads in it on the right, as one writes.
import { Button, FileButton, TextInput, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useLocation } from 'wouter';

import { api } from '../../api/client';
import { useChange, useData } from '../../api/query';
import { useWords } from '../../i18n';
import { say } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Guide } from '../connections/form/Guide';
import { Page, Panel } from '../../parts/Page';
import { Empty } from '../../parts/Small';
import { FormPreview } from './FormPreview';
import { Streams } from './Streams';
import { templateWords } from './words';

const TYPING_MS = 400;

function Reading({ manifest, name }: { manifest: string; name: string }) {
  const t = useWords(templateWords);
  const asked = useData(['check', manifest, name], () => api.POST('/api/v1/templates/check', { body: { manifest, name: name || null } }), { keep: true, enabled: manifest.trim() !== '' });
  const found = asked.data?.data;
  if (!manifest.trim()) return <div className="panel"><Empty title={t('empty')}>{t('emptyText')}</Empty></div>;
  if (asked.error) return <ErrorBox error={asked.error} retry={() => void asked.refetch()} />;
  if (!found) return <p className="dim" role="status">{t('checking')}</p>;
  return (
    <div className="stack" aria-live="polite">
      <div className="row"><span className={`badge ${found.valid ? 'good' : 'bad'}`}>{t(found.valid ? 'valid' : 'invalid')}</span></div>
      {!found.valid && (
        <div className="trouble" role="alert">
          <div className="stack-small"><strong>{found.error}</strong>
            {found.faults.length > 0 && <ul>{found.faults.map((x, i) => <li key={i}><code>{x.pointer}</code> {x.message}</li>)}</ul>}</div>
        </div>
      )}
      {found.streams.length > 0 && <Panel title={t('streams')} flush><Streams streams={found.streams} /></Panel>}
      {found.valid && <Panel title={t('form')}><FormPreview schema={found.configSchema} /></Panel>}
      {found.instructions && <Panel title={t('guide')}><Guide text={found.instructions} /></Panel>}
    </div>
  );
}

export default function AddTemplate() {
  const t = useWords(templateWords);
  const [, go] = useLocation();
  const [manifest, setManifest] = useState('');
  const [name, setName] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [category, setCategory] = useState('');
  const [read] = useDebouncedValue(manifest, TYPING_MS);
  const save = useChange(() => api.POST('/api/admin/integration-templates', { body: { name, displayName: displayName || name, category, manifest } }), ['templates']);
  const open = async (file: File | null) => {
    if (!file) return;
    setManifest(await file.text());
    if (!name) setName(file.name.replace(/\.(ya?ml|json)$/i, '').toLowerCase().replace(/[^a-z0-9_]+/g, '_'));
  };
  return (
    <Page title={t('add')} lead={t('addLead')} up={{ href: '/templates', label: t('title') }}
      commands={{ method: 'POST', path: '/api/v1/templates/check', body: { manifest: '…' }, cli: 'tidemark manifest check FILE' }}
      actions={<>
        <FileButton onChange={(file) => void open(file)} accept=".yaml,.yml,.json">{(props) => <Button variant="default" {...props}>{t('open')}</Button>}</FileButton>
        <Button loading={save.isPending} disabled={!name || !category.trim() || !manifest.trim()} onClick={() => save.mutate(undefined, { onSuccess: () => { say(t('saved')); go(`/templates/${name}`); } })}>{t('save')}</Button>
      </>}>
      <div className="grid two">
        <div className="stack">
          <div className="grid two" style={{ alignItems: 'end' }}>
            <TextInput label={t('name')} description={t('nameHint')} value={name} onChange={(event) => setName(event.currentTarget.value)} />
            <TextInput label={t('displayName')} value={displayName} onChange={(event) => setDisplayName(event.currentTarget.value)} />
          </div>
          <TextInput label={t('category')} placeholder="CRM" required value={category} onChange={(event) => setCategory(event.currentTarget.value)} />
          {save.error && <ErrorBox error={save.error} />}
          <Textarea label={t('manifest')} value={manifest} onChange={(event) => setManifest(event.currentTarget.value)} minRows={24} maxRows={48} autosize spellCheck={false} classNames={{ input: 'mono' }} />
        </div>
        <Reading manifest={read} name={name} />
      </div>
    </Page>
  );
}
