import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, type Asked, get } from "./client";
import { isLive, type Kind, listen } from "./live";
import type { Answers } from "./schema";

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** Ask again; what is shown stays until the answer is there. */
  reload: () => void;
}

interface Freshness {
  /** Milliseconds after which it is asked again while the page is seen. */
  every: number;
  /** Events that say that it has changed. While they come, nothing is asked for by the clock, unless `always`. */
  on?: readonly Kind[];
  always?: boolean;
  /** Milliseconds between two questions that events bring about, at least. */
  apart?: number;
}

const NOTHING: readonly Kind[] = [];

/** Calls `reload` as `fresh` says. */
function useFreshness(active: boolean, { every, on = NOTHING, always = false, apart = 1000 }: Freshness, reload: () => void): void {
  const kinds = on.join();
  useEffect(() => {
    if (!active || !every) return;
    const told = () => kinds !== "" && !always && isLive();
    const timer = setInterval(() => document.visibilityState === "visible" && !told() && reload(), every);
    return () => clearInterval(timer);
  }, [active, every, kinds, always, reload]);
  useEffect(() => {
    if (!active || !kinds) return;
    let last = 0;
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const ask = () => {
      waiting = undefined;
      last = performance.now();
      reload();
    };
    const stop = listen((kind) => {
      if (waiting !== undefined || !kinds.split(",").includes(kind)) return;
      waiting = setTimeout(ask, Math.max(0, last + apart - performance.now()));
    });
    return () => {
      stop();
      clearTimeout(waiting);
    };
  }, [active, kinds, apart, reload]);
}

/** What `path` answers, asked again as `fresh` says (a number: every so many milliseconds). `null` = ask nothing yet. */
export function useResource<Path extends keyof Answers>(path: Path | Asked<Path> | null, fresh?: number | Freshness): Resource<Answers[Path]>;
export function useResource<T>(path: string | null, fresh?: number | Freshness): Resource<T>;
export function useResource<T>(path: string | null, fresh?: number | Freshness): Resource<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: ApiError }>({ path: null });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  const pending = useRef(false);
  const again = useRef(false);
  // An answer under way is waited for: a slow server must not be asked faster than it answers.
  const refresh = useCallback(() => (pending.current ? void (again.current = true) : reload()), [reload]);

  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    pending.current = true;
    get<T>(path, abort.signal)
      .then((data) => setState({ path, data }))
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(0, "unexpected", String(error));
        setState((before) => ({ ...(before.path === path ? before : { path }), error: told }));
      })
      .finally(() => {
        if (abort.signal.aborted) return;
        pending.current = false;
        if (again.current) reload();
        again.current = false;
      });
    return () => {
      abort.abort();
      pending.current = false;
    };
  }, [path, round]);
  useFreshness(path !== null && fresh !== undefined, typeof fresh === "object" ? fresh : { every: fresh ?? 0 }, refresh);

  const current = state.path === path;
  return {
    data: current ? state.data : undefined,
    error: current ? state.error : undefined,
    loading: path !== null && (!current || (state.data === undefined && state.error === undefined)),
    reload,
  };
}
