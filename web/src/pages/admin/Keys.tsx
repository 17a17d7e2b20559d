// Keys for programs: made here, shown once, revoked at once.
import { Button, Modal, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { FormEvent } from 'react';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useChange, useList } from '../../api/query';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { say, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Copy, Page } from '../../parts/Page';
import { Ago, Empty, Loading } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { PermissionBoxes, PermissionWords } from './Permissions';
import type { Permission } from './Permissions';
import { adminWords } from './words';

type Key = Schemas['Key'];

function NewKey({ onClose }: { onClose: () => void }) {
  const t = useWords(adminWords);
  const [name, setName] = useState('');
  const [role, setRole] = useState<'user' | 'admin'>('user');
  const [permissions, setPermissions] = useState<Permission[]>(['content:read']);
  const [expires, setExpires] = useState('');
  const make = useChange(() => api.POST('/api/v1/keys', { body: { name, role, permissions: role === 'admin' ? null : permissions, expiresAt: expires ? `${expires}T00:00:00Z` : null } }), ['keys']);
  const send = (event: FormEvent) => { event.preventDefault(); make.mutate(undefined); };
  const key = make.data?.data.key;
  if (key)
    return (
      <div className="stack">
        <p className="note warn">{t('shownOnce')}</p>
        <div className="command"><code>{key}</code><Copy text={key} /></div>
        <div className="row"><Button onClick={onClose}>{t('close')}</Button></div>
      </div>
    );
  return (
    <form className="stack" onSubmit={send}>
      <TextInput label={t('keyName')} required value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
      <Select label={t('role')} allowDeselect={false} value={role} onChange={(value) => setRole(value === 'admin' ? 'admin' : 'user')} data={[{ value: 'user', label: t('r_user') }, { value: 'admin', label: t('r_admin') }]} />
      <PermissionBoxes value={permissions} onChange={setPermissions} disabled={role === 'admin'} />
      <TextInput label={t('expires')} type="date" value={expires} onChange={(event) => setExpires(event.currentTarget.value)} />
      {make.error && <ErrorBox error={make.error} />}
      <div className="row"><Button type="submit" loading={make.isPending}>{t('make')}</Button></div>
    </form>
  );
}

export default function Keys() {
  const t = useWords(adminWords);
  const shell = useWords(shellWords);
  const confirm = useConfirm();
  const [making, setMaking] = useState(false);
  const list = useList(['keys'], (cursor) => api.GET('/api/v1/keys', { params: { query: { cursor, limit: 100 } } }));
  const revoke = useChange((id: string) => api.DELETE('/api/v1/keys/{id}', { params: { path: { id } } }), ['keys']);
  const ask = (key: Key) => confirm.ask({ title: t('revokeAsk', { name: key.name }), body: t('revokeText'), action: t('revoke'), danger: true,
    run: async () => { await revoke.mutateAsync(key.id); say(t('revokedNow')); } });
  const columns: Column<Key>[] = [
    { id: 'name', header: t('key'), width: 'minmax(0, 2fr)', cell: (k) => <><strong>{k.name}</strong><span className="under mono">{k.prefix}…</span></> },
    { id: 'may', header: t('permissions'), width: 'minmax(0, 1fr)', narrow: false, cell: (k) => <PermissionWords role={k.role} permissions={k.permissions} /> },
    { id: 'used', header: t('used'), width: '120px', narrow: '108px', cell: (k) => <Ago at={k.lastUsedAt} /> },
    { id: 'expires', header: t('expires'), width: '120px', narrow: false, cell: (k) => <Ago at={k.expiresAt} otherwise={t('never')} /> },
    { id: 'actions', header: '', width: '86px', narrow: '86px', end: true, cell: (k) => (k.revokedAt ? <span className="badge plain">{t('revoked')}</span>
      : <Button variant="subtle" color="red" size="compact-xs" onClick={() => ask(k)} aria-label={t('revokeAsk', { name: k.name })}>{t('revoke')}</Button>) },
  ];
  return (
    <Page title={t('keys')} lead={t('keysLead')} commands={{ path: '/api/v1/keys', cli: ['tidemark keys', 'tidemark keys create NAME --permissions content:read'] }} actions={<Button onClick={() => setMaking(true)}>{t('newKey')}</Button>}>
      <div className="panel">
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} /> : list.isPending ? <Loading />
          : list.rows.length === 0 ? <Empty title={t('keysNone')} action={<Button onClick={() => setMaking(true)}>{t('newKey')}</Button>}>{t('keysNoneText')}</Empty>
          : <Table label={t('keys')} rows={list.rows} columns={columns} rowKey={(k) => k.id} rowHeight={52} total={list.meta?.total}
              more={list.more} />}
      </div>
      <Modal opened={making} onClose={() => setMaking(false)} title={t('newKey')} closeButtonProps={{ 'aria-label': shell('close') }} closeOnClickOutside={false}>{making && <NewKey onClose={() => setMaking(false)} />}</Modal>
      {confirm.dialog}
    </Page>
  );
}
