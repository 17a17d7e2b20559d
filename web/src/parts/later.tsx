// Code that comes when somebody needs it: `const Chart = later(() => import('../../parts/Chart').then((m) => m.default))`, then
// `<Chart meanwhile={<Loading />} … />`.
//
// Not React's lazy and Suspense: once a placeholder was drawn, React keeps what came after it hidden until 300 ms have passed
// (FALLBACK_THROTTLE_MS of react-dom), so every page that was loaded anew took 300 ms longer than its code and its data needed.
import { useEffect, useReducer, useState } from 'react';
import type { ComponentType, ReactNode } from 'react';

export type Later<P> = ComponentType<P & { meanwhile: ReactNode }> & { load: () => Promise<void> };

export function later<P extends object>(fetchCode: () => Promise<ComponentType<P>>): Later<P> {
  let Code: ComponentType<P> | null = null, coming: Promise<void> | null = null;
  const load = () => (coming ??= fetchCode().then((found) => { Code = found; }, (error: unknown) => { coming = null; throw error; }));

  // An error goes to whoever stands around it, as one of the code itself would.
  function Shown({ meanwhile, ...props }: P & { meanwhile: ReactNode }) {
    const [, drawAnew] = useReducer((n: number) => n + 1, 0);
    const [fault, setFault] = useState<unknown>(null);
    useEffect(() => {
      if (Code) return undefined;
      let isHere = true;
      load().then(() => { if (isHere) drawAnew(); }, (error: unknown) => { if (isHere) setFault(error); });
      return () => { isHere = false; };
    }, []);
    if (fault) throw fault;
    return Code ? <Code {...(props as unknown as P)} /> : meanwhile;
  }
  return Object.assign(Shown, { load });
}
