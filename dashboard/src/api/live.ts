// What the server tells by itself, over one connection for all of the page. Closed while nobody sees the page: browsers allow few.

import type { Try } from "./types";

export interface Heard {
  /** Rows that were just stored; `missed` more were not sent along. */
  usage: { rows: Try[]; missed: number };
  in_flight: { in_flight: number };
  health: { cooldowns: number; breakers: number };
  quotas: { windows: number };
}
export type Kind = keyof Heard;
type Ear = (kind: Kind, data: Heard[Kind]) => void;

const KINDS: readonly Kind[] = ["usage", "in_flight", "health", "quotas"];
const LINGER = 2000;
const AGAIN = 15_000;
const ears = new Set<Ear>();
let source: EventSource | null = null;
let leaving: ReturnType<typeof setTimeout> | undefined;

/** Whether news come by themselves now; while they do not, pages have to ask. */
export const isLive = (): boolean => source?.readyState === EventSource.OPEN;

function tell(kind: Kind, data: Heard[Kind]): void {
  for (const ear of [...ears]) ear(kind, data);
}

function open(): void {
  const opened = new EventSource("/api/events");
  source = opened;
  // What happened while nobody listened is not told again.
  opened.onopen = () => tell("usage", { rows: [], missed: 1 });
  opened.onerror = () => {
    if (opened.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    if (source === opened) source = null;
    setTimeout(adapt, AGAIN);
  };
  for (const kind of KINDS) opened.addEventListener(kind, (event: MessageEvent<string>) => tell(kind, JSON.parse(event.data) as Heard[Kind]));
}

function close(): void {
  source?.close();
  source = null;
}

/** Open or close as somebody listens and the page is seen. */
function adapt(): void {
  clearTimeout(leaving);
  const seen = document.visibilityState === "visible";
  if (ears.size > 0 && seen && !source) open();
  else if (!seen) close();
  else if (ears.size === 0) leaving = setTimeout(close, LINGER); // the next page will want it
}

document.addEventListener("visibilitychange", adapt);

/** Be told. Returns how to stop. */
export function listen(ear: Ear): () => void {
  ears.add(ear);
  adapt();
  return () => {
    ears.delete(ear);
    adapt();
  };
}
