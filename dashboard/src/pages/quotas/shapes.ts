export interface Window {
  name: string;
  model: string | null;
  /** Shares 0 to 1 of the limit. */
  used: number;
  expected: number | null;
  surplus: number | null;
  limit: number | null;
  used_units: number | null;
  resets_at: number | null;
  exhausts_at: number | null;
  length: number | null;
  source: "header" | "endpoint" | "counted";
  seen_at: number;
  state: "open" | "reserve" | "exhausted";
}

export interface Quota {
  id: string;
  provider: string;
  name: string;
  label: string;
  tier: string;
  /** The share of each window that is kept for other uses. */
  reserve: number;
  windows: Window[];
}

export interface Cooldown {
  id: string;
  provider: string | null;
  name: string | null;
  model: string | null;
  reason: string;
  detail?: string;
  until: number | null;
}

export interface Breaker {
  provider: string;
  state: "closed" | "open" | "half_open";
  until: number | null;
  failures: number;
  opened: number;
  threshold: number | null;
}

export interface Line {
  id: string;
  name: string | null;
  waiting: number;
}

export interface Resilience {
  cooldowns: Cooldown[];
  breakers: Breaker[];
  queue: Line[];
  in_flight: number;
  sessions: number;
}
