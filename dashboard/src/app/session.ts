import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Init } from "../api/types";

export type { Init };

export interface Session {
  init: Init;
  /** Ask the server again who we are. */
  refresh: () => void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("outside of the session");
  return session;
}
