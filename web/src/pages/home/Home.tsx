import { api } from '../../api/client';
import { useData } from '../../api/query';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { Page } from '../../parts/Page';

export default function Home() {
  const t = useWords(shellWords);
  const overview = useData(['overview'], () => api.GET('/api/v1/overview'));
  return <Page title={t('home')} commands={{ path: '/api/v1/overview' }}><pre>{overview.data?.data.health.status}</pre></Page>;
}
