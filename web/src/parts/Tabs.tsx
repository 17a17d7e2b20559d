// Tabs whose names stand in the address, in one line: where it is too long for the window, the one that is open is in sight.
import { useLayoutEffect, useRef } from 'react';
import type { ReactNode } from 'react';

const BESIDE_PX = 24;   // of a neighbour that show there is more

export function Tabs({ label, open, children }: { label: string; open: string | undefined; children: ReactNode }) {
  const line = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const all = line.current, tab = all?.querySelector<HTMLElement>('[aria-current]');
    if (!all || !tab) return;
    const at = tab.getBoundingClientRect(), sight = all.getBoundingClientRect();
    if (at.right > sight.right) all.scrollLeft += at.right - sight.right + BESIDE_PX;
    else if (at.left < sight.left) all.scrollLeft -= sight.left - at.left + BESIDE_PX;
  }, [open]);
  return <nav className="tabs" aria-label={label} ref={line}>{children}</nav>;
}
