// What somebody may do, as boxes.
import { Checkbox } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { useWords } from '../../i18n';
import { adminWords } from './words';

export type Permission = Schemas['Permission'];
export const PERMISSIONS: readonly Permission[] = ['content:read', 'content:update', 'content:delete'];

export function PermissionBoxes({ value, onChange, disabled }: { value: readonly Permission[]; onChange: (value: Permission[]) => void; disabled?: boolean }) {
  const t = useWords(adminWords);
  return (
    <Checkbox.Group label={t('permissions')} value={[...value]} onChange={(next) => onChange(next as Permission[])}>
      <div className="row wrap" style={{ gap: 18, marginTop: 6 }}>{PERMISSIONS.map((p) => <Checkbox key={p} size="xs" value={p} label={t(p)} disabled={disabled} />)}</div>
    </Checkbox.Group>
  );
}

export function PermissionWords({ role, permissions }: { role: string; permissions: readonly Permission[] }) {
  const t = useWords(adminWords);
  return <>{role === 'admin' ? t('r_admin') : permissions.map((p) => t(p)).join(', ')}</>;
}
