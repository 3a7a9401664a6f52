import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** What `GET /api/init` tells anyone. */
export interface Init {
  version: string;
  setup_required: boolean;
  can_set_password: boolean;
  authenticated: boolean;
  api_key_required: boolean;
  endpoint: string;
  example_model: string;
}

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
