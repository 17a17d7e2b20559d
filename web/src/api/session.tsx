// Who is signed in, and what he may do.
import { createContext, useContext } from 'react';

import type { Session } from './client';

export type Permission = 'content:read' | 'content:update' | 'content:delete' | 'admin';

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession outside of a session');
  return session;
}

export const may = (session: Session, what: Permission) =>
  what === 'admin' ? session.role === 'admin' : session.permissions.includes(what);

// What a role may not do is not offered.
export const useMay = (what: Permission) => may(useSession(), what);
