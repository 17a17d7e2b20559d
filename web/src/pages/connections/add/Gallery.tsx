// The platforms there are, by search and category.
import { TextInput } from '@mantine/core';
import { Link, useSearchParams } from 'wouter';

import type { Schemas } from '../../../api/client';
import { useWords } from '../../../i18n';
import { useCategory } from '../../../parts/category';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Icon } from '../../../parts/Icon';
import { Page } from '../../../parts/Page';
import { Empty, Loading, Logo } from '../../../parts/Small';
import { useTemplatesRead } from '../queries';
import { addWords } from '../words';

type Template = Schemas['Template'];

function Card({ template }: { template: Template }) {
  const t = useWords(addWords);
  const categoryOf = useCategory();
  const name = template.displayName ?? template.name;
  return (
    <li>
      <Link href={`/connections/new/${template.name}`} className="card">
        <Logo name={name} size={34} />
        <span className="grow"><strong>{name}</strong><span className="dim small card-text">{template.description}</span>
          <span className="dim small">{[categoryOf(template.category), t('streams', { n: template.streams.length })].filter(Boolean).join(' · ')}</span></span>
      </Link>
    </li>
  );
}

function Cards({ templates }: { templates: readonly Template[] }) {
  const t = useWords(addWords);
  const categoryOf = useCategory();
  const [params, setParams] = useSearchParams();
  const q = params.get('q') ?? '', category = params.get('category') ?? '';
  const put = (name: string, value: string) => setParams((old) => {
    const next = new URLSearchParams(old);
    if (value) next.set(name, value); else next.delete(name);
    return next;
  }, { replace: true });
  const categories = [...new Set(templates.map((x) => x.category).filter((c): c is string => !!c))].sort((a, b) => categoryOf(a).localeCompare(categoryOf(b)));
  const shown = templates.filter((x) => (!category || x.category === category) &&
    (!q || `${x.name} ${x.displayName} ${x.description}`.toLowerCase().includes(q.toLowerCase())));
  return (
    <div className="stack">
      <div className="row wrap">
        <TextInput aria-label={t('search')} placeholder={t('search')} leftSection={<Icon name="search" size={14} />} w={280} maw="100%" value={q} onChange={(e) => put('q', e.currentTarget.value)} data-autofocus />
        {['', ...categories].map((c) => (
          <button key={c} type="button" className="chip" aria-pressed={category === c} onClick={() => put('category', c)}>{categoryOf(c) || t('all')}</button>
        ))}
      </div>
      {shown.length === 0
        ? <div className="panel"><Empty title={t('none')} action={<a className="link" href="/docs" target="_blank" rel="noreferrer">{t('howTemplates')}</a>}>{t('noneText')}</Empty></div>
        : <ul className="cards">{shown.map((x) => <Card key={x.name} template={x} />)}</ul>}
    </div>
  );
}

export default function Gallery() {
  const t = useWords(addWords);
  const templates = useTemplatesRead();
  const list = templates.data?.data;
  return (
    <Page title={t('title')} lead={t('pick')} commands={{ path: '/api/v1/templates', cli: 'tidemark templates' }}>
      {templates.error && <ErrorBox error={templates.error} retry={() => void templates.refetch()} />}
      {templates.isPending && <div className="panel"><Loading /></div>}
      {list && <Cards templates={[...list].sort((a, b) => (a.displayName ?? a.name).localeCompare(b.displayName ?? b.name))} />}
    </Page>
  );
}
