// The head of a page: what it is, what can be done, and the same from a terminal. Sets the window's title.
import { ActionIcon, Popover, Tooltip } from '@mantine/core';
import { useDocumentTitle, useWindowEvent } from '@mantine/hooks';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';

import { tenantChosen } from '../api/client';
import { useWords } from '../i18n';
import { shellWords } from '../i18n/shell';
import { Icon } from './Icon';

export interface Commands { method?: string; path: string; headers?: Record<string, string>; body?: unknown; cli?: string | readonly string[] }

export const shellText = (text: string) => (/^[\w@.:/-]+$/.test(text) ? text : quoted(text));
// Options of the command line, of those that are given: ` --status failed`.
export const options = (given: Record<string, string | undefined>) =>
  Object.entries(given).filter(([, value]) => value).map(([name, value]) => ` --${name} ${shellText(value ?? '')}`).join('');
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlOf({ method = 'GET', path, headers = {}, body }: Commands): string {
  const parts = ['curl', method === 'GET' ? '' : `-X ${method}`, quoted(window.location.origin + path), '-H "Authorization: Bearer $KEY"'];
  const tenant = tenantChosen();
  if (tenant) parts.push(`-H ${quoted(`X-Tenant-Id: ${tenant}`)}`);
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  return parts.filter(Boolean).join(' ');
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const t = useWords(shellWords);
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // the browser does not allow it here; the text can be marked by hand
    }
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  const words = done ? t('copied') : label ?? t('copy');
  return (
    <Tooltip label={words}>
      <ActionIcon size="sm" onClick={() => void copy()} aria-label={words}><Icon name={done ? 'check' : 'copy'} size={14} /></ActionIcon>
    </Tooltip>
  );
}

function Line({ text }: { text: string }) {
  return <div className="command"><code>{text}</code><Copy text={text} /></div>;
}

export function CommandsButton({ commands }: { commands: Commands }) {
  const t = useWords(shellWords);
  const [opened, setOpened] = useState(false);
  const lines = commands.cli === undefined ? [] : typeof commands.cli === 'string' ? [commands.cli] : commands.cli;
  // By itself it hears the key only while the focus is within, where it comes a moment later, and whence a line that changes takes it away.
  // And before the words at the button under the mouse hear it, which keep it for themselves.
  useWindowEvent('keydown', (e) => { if (opened && e.key === 'Escape') setOpened(false); }, { capture: true });
  return (
    <Popover opened={opened} onChange={setOpened} width={460} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Tooltip label={t('commands')}>
          <ActionIcon variant="default" size={30} onClick={() => setOpened(!opened)} aria-label={t('commands')} aria-haspopup="dialog"><Icon name="terminal" /></ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown maw="calc(100vw - 24px)" aria-label={t('commands')}>
        <div className="stack-small">
          <p className="dim small">{t('commandsHint', { key: '$KEY' })}</p>
          <h3>{t('api')}</h3>
          <Line text={curlOf(commands)} />
          {lines.length > 0 && <h3>{t('commandLine')}</h3>}
          {lines.map((line) => <Line key={line} text={line} />)}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

interface PageProps {
  title: string; lead?: ReactNode; actions?: ReactNode; commands?: Commands; up?: { href: string; label: string }; badge?: ReactNode; children: ReactNode;
}

export function Page({ title, lead, actions, commands, up, badge, children }: PageProps) {
  useDocumentTitle(`${title} · Tidemark`);
  return (
    <>
      <header className="page-head">
        <div className="grow">
          {up && <Link href={up.href} className="crumb"><span className="row"><Icon name="back" size={12} />{up.label}</span></Link>}
          <div className="row wrap"><h1>{title}</h1>{badge}</div>
          {lead && <p>{lead}</p>}
        </div>
        <div className="page-actions">{actions}{commands && <CommandsButton commands={commands} />}</div>
      </header>
      {children}
    </>
  );
}

export function Panel({ title, tools, children, flush = false }: { title?: ReactNode; tools?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className="panel">
      {title && <div className="panel-head"><h2>{title}</h2>{tools}</div>}
      {flush ? children : <div className="panel-body">{children}</div>}
    </section>
  );
}
