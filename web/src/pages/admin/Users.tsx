// Who may do what.
import { ActionIcon, Button, Menu, Modal, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { FormEvent } from 'react';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useChange, useList } from '../../api/query';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { afterMenu, say, sayError, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Icon } from '../../parts/Icon';
import { Page } from '../../parts/Page';
import { Ago, Empty, Loading, Ticked } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { PermissionBoxes, PermissionWords } from './Permissions';
import type { Permission } from './Permissions';
import { adminWords } from './words';

type User = Schemas['User'];
const nameOf = (user: User) => user.name ?? user.email ?? user.subject;

function Form({ user, onClose }: { user: User | null; onClose: () => void }) {
  const t = useWords(adminWords);
  const [subject, setSubject] = useState(user?.subject ?? '');
  const [name, setName] = useState(user?.name ?? '');
  const [email, setEmail] = useState(user?.email ?? '');
  const [role, setRole] = useState<'user' | 'admin'>(user?.role === 'admin' ? 'admin' : 'user');
  const [permissions, setPermissions] = useState<Permission[]>(user?.permissions ?? ['content:read']);
  const told = { onSuccess: () => { say(t('saved')); onClose(); } };
  const body = { name: name || null, email: email || null, role, permissions };
  const make = useChange(() => api.POST('/api/v1/users', { body: { subject, ...body } }), ['users']);
  const change = useChange(() => api.PATCH('/api/v1/users/{id}', { params: { path: { id: user?.id ?? '' } }, body }), ['users']);
  const doing = user ? change : make;
  const send = (event: FormEvent) => { event.preventDefault(); doing.mutate(undefined, told); };
  return (
    <form className="stack" onSubmit={send}>
      {!user && <TextInput label={t('subject')} description={<Ticked text={t('subjectHint')} />} required value={subject} onChange={(event) => setSubject(event.currentTarget.value)} data-autofocus />}
      <TextInput label={t('name')} value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <TextInput label={t('email')} type="email" value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
      <Select label={t('role')} allowDeselect={false} value={role} onChange={(value) => setRole(value === 'admin' ? 'admin' : 'user')} data={[{ value: 'user', label: t('r_user') }, { value: 'admin', label: t('r_admin') }]} />
      <PermissionBoxes value={permissions} onChange={setPermissions} disabled={role === 'admin'} />
      {doing.error && <ErrorBox error={doing.error} />}
      <div className="row"><Button type="submit" loading={doing.isPending}>{t('save')}</Button></div>
    </form>
  );
}

function Actions({ user, onEdit }: { user: User; onEdit: () => void }) {
  const t = useWords(adminWords);
  const confirm = useConfirm();
  const path = { params: { path: { id: user.id } } };
  const change = useChange((enabled: boolean) => api.PATCH('/api/v1/users/{id}', { ...path, body: { enabled } }), ['users']);
  const name = nameOf(user);
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon aria-label={t('actions', { name })}><Icon name="more" /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={onEdit}>{t('edit')}</Menu.Item>
          {user.enabled
            ? <Menu.Item color="red" onClick={() => confirm.ask({ title: t('disableAsk', { name }), body: t('disableText'), action: t('disable'), danger: true, run: () => change.mutateAsync(false) })}>{t('disable')}</Menu.Item>
            : <Menu.Item onClick={() => change.mutate(true, { onSuccess: () => say(t('saved')), onError: sayError })}>{t('enable')}</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {confirm.dialog}
    </>
  );
}

export default function Users() {
  const t = useWords(adminWords);
  const shell = useWords(shellWords);
  const [editing, setEditing] = useState<User | 'new' | null>(null);
  const list = useList(['users'], (cursor) => api.GET('/api/v1/users', { params: { query: { cursor, limit: 100 } } }));
  const columns: Column<User>[] = [
    { id: 'user', header: t('user'), width: 'minmax(0, 2fr)', cell: (u) => <><strong>{nameOf(u)}</strong><span className="under">{u.subject}</span></> },
    { id: 'role', header: t('role'), width: '120px', narrow: false, cell: (u) => t(u.role === 'admin' ? 'r_admin' : 'r_user') },
    { id: 'may', header: t('permissions'), width: 'minmax(0, 1fr)', narrow: false, cell: (u) => <PermissionWords role={u.role} permissions={u.permissions} /> },
    { id: 'seen', header: t('seen'), width: '120px', narrow: '108px', cell: (u) => (u.enabled ? <Ago at={u.seenAt} /> : <span className="badge bad plain">{t('disabled')}</span>) },
    { id: 'actions', header: '', width: '32px', cell: (u) => <Actions user={u} onEdit={() => afterMenu(() => setEditing(u))} /> },
  ];
  return (
    <Page title={t('users')} lead={t('usersLead')} commands={{ path: '/api/v1/users', cli: 'tidemark users' }} actions={<Button onClick={() => setEditing('new')}>{t('add')}</Button>}>
      <div className="panel">
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} /> : list.isPending ? <Loading />
          : list.rows.length === 0 ? <Empty title={t('usersNone')}>{t('usersNoneText')}</Empty>
          : <Table label={t('users')} rows={list.rows} columns={columns} rowKey={(u) => u.id} rowHeight={52} total={list.meta?.total}
              more={list.more} />}
      </div>
      <Modal opened={editing !== null} onClose={() => setEditing(null)} title={editing === 'new' ? t('add') : editing ? nameOf(editing) : ''} closeButtonProps={{ 'aria-label': shell('close') }}>
        {editing !== null && <Form user={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
      </Modal>
    </Page>
  );
}
