// A field for a secret; what is typed can be shown, by the keyboard too.
import { PasswordInput } from '@mantine/core';
import type { PasswordInputProps } from '@mantine/core';

import { useWords } from '../i18n';
import { shellWords } from '../i18n/shell';

export function Secret(props: PasswordInputProps) {
  const t = useWords(shellWords);
  return <PasswordInput {...props} visibilityToggleButtonProps={{ 'aria-label': t('showSecret'), 'aria-hidden': false, tabIndex: 0 }} />;
}
