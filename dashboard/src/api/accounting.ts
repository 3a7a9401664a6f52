// Prices, budgets, captured payloads and running requests, as the admin API tells of them.

export interface LongContext {
  above: number;
  input: number;
  output: number;
  cached?: number | null;
  cache_write?: number | null;
}

/** US dollars per million tokens. */
export interface Price {
  provider: string;
  model: string;
  input: number | null;
  output: number | null;
  cached: number | null;
  cache_write: number | null;
  long_context: LongContext | null;
  basis: "list" | "equivalent" | "unknown";
  source: "override" | "custom" | "catalogue" | "genai-prices" | "none";
  version: string | null;
  override: boolean;
  updated_at: number | null;
}

export interface Amount {
  usd: number;
  tokens: number;
}

export interface Budget {
  id: string;
  key_id: string | null;
  key_name: string | null;
  period: "daily" | "weekly" | "monthly";
  usd: number | null;
  tokens: number | null;
  action: "warn" | "block";
  warn_at: number;
  window: { start: number; end: number };
  used: Amount;
  reserved: Amount;
  share: number;
  state: "ok" | "warning" | "exceeded";
  refused: number;
}

/** `buckets` are where each begins; the lists have an entry for each. */
export interface Series {
  step: "hour" | "day";
  buckets: number[];
  series: { group: string | null; requests: number[]; cost_usd: number[]; shadow_cost_usd: number[] }[];
}

export interface CaptureRule {
  key_id: string | null;
  key_name: string | null;
  until: number | null;
}

export interface Captures {
  data: CaptureRule[];
  stored: { count: number; bytes: number };
}

export interface Message {
  headers: [string, string][];
  body: string;
  bytes: number;
  truncated: boolean;
  method?: string;
  path?: string;
  url?: string;
  status?: number;
  error?: string | null;
}

export interface Payload {
  request_id: string;
  client_request: Message;
  tries: { attempt: number; upstream_request: Message; upstream_answer: Message | null }[];
  client_answer: Message | null;
}

export interface Running {
  request_id: string;
  started_at: number;
  seconds: number;
  model: string;
  stream: boolean;
  key_id: string | null;
  state: "queued" | "waiting" | "streaming";
  provider: string | null;
  upstream_model: string | null;
  combo: string | null;
  attempts: number;
  output_tokens: number;
  cost_usd: number | null;
  cancelling: boolean;
}
