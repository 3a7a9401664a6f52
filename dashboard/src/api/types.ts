// Shapes of the admin API that several pages read.

export type Tier = "subscription" | "api_key" | "cheap" | "free";

export interface Account {
  id: string;
  provider: string;
  provider_name: string;
  prefix: string;
  tier: Tier | null;
  name: string;
  source: "database" | "file" | "environment" | "builtin";
  enabled: boolean;
  priority: number;
  url_vars: Record<string, string>;
  secret_hint: string | null;
  state: string;
  created_at: number | null;
  last_test_at: number | null;
  last_error: string | null;
  limits: Limits;
  read_only: boolean;
}

/** A quota that is counted here: `limit` requests or tokens `per` window. */
export interface Allowance {
  limit: number;
  unit?: "requests" | "tokens";
  per?: "5h" | "daily" | "weekly" | "monthly" | "rolling";
  model?: string | null;
}

/** What the operator allows an account; null or empty = no limit. */
export interface Limits {
  /** Requests begun within any minute. */
  rpm: number | null;
  /** Seconds between two requests. */
  min_gap: number | null;
  /** Requests under way. */
  concurrency: number | null;
  models: string[];
  /** The share of each quota, 0 to 1, that is kept for other uses. */
  reserve: number;
  allowances: Allowance[];
}

export interface Provider {
  id: string;
  prefix: string;
  name: string;
  tier: Tier;
  kinds: string[];
  format: string;
  auth: string;
  needs_key: boolean;
  env_keys: string[];
  url_vars: string[];
  website: string | null;
  status: string | null;
  origin: string;
  state: "connected" | "not connected" | "not supported";
  accounts: number;
  models: number;
}

export interface TestResult {
  ok: boolean;
  status: number;
  message: string;
  first_token_ms: number | null;
  model: string | null;
}

/** One try, a row of the ledger. Milliseconds, US dollars. */
export interface Try {
  id: number;
  request_id: string;
  attempt: number;
  started_at: number;
  key_id: string | null;
  account_id: string | null;
  provider: string;
  model: string;
  combo: string | null;
  decision: string;
  client_format: string;
  upstream_format: string;
  stream: boolean;
  fallback: boolean;
  hedge: boolean;
  status: number;
  outcome: "open" | "ok" | "error" | "aborted" | "truncated";
  error_kind: string | null;
  input_tokens: number;
  cached_tokens: number;
  written_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  estimated: boolean;
  cost_usd: number | null;
  shadow_cost_usd: number | null;
  price_basis: string;
  queue_ms: number | null;
  connect_ms: number | null;
  ttft_ms: number | null;
  total_ms: number;
  bytes_in: number;
  bytes_out: number;
  session_id: string | null;
  agent_id: string | null;
}

/** Sums over one group; `attempts` counts rows, `unpriced` those of unknown price. */
export interface Totals {
  group: string | null;
  requests: number;
  attempts: number;
  errors: number;
  input_tokens: number;
  cached_tokens: number;
  written_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  cost_usd: number;
  shadow_cost_usd: number;
  unpriced: number;
}

export const TIERS: Record<Tier, string> = { subscription: "Subscription", api_key: "API key", cheap: "Cheap", free: "Free" };

/** One step of a combo or a chain: a model or another combo. What is not said is left out. */
export interface Step {
  model?: string;
  combo?: string;
  account?: string;
  weight?: number;
  /** Seconds to the first token. */
  timeout?: number;
  retries?: number;
  tags?: string[];
}

export interface Combo {
  id: string;
  name: string;
  strategy: string | null;
  options: Record<string, unknown>;
  steps: (Step | string)[];
  fallback: (Step | string)[];
  timeout: number | null;
  retries: number | null;
  source: "stored" | "file" | "builtin";
  read_only: boolean;
  problems: string[];
}

export interface StrategyField {
  name: string;
  type: "integer" | "number" | "boolean" | "text";
  default: unknown;
  help: string;
  minimum: number | null;
  maximum: number | null;
  choices: string[];
}

export interface Strategy {
  name: string;
  help: string;
  affine: boolean;
  fields: StrategyField[];
}

/** A model of the catalogue, `id` as clients ask for it. */
export interface CatalogueModel {
  id: string;
  provider: string;
  model: string;
  name: string;
  kind: string;
  connected: boolean;
  context: number | null;
  output: number | null;
  tools: boolean | null;
  vision: boolean | null;
  reasoning: boolean | null;
  input_price: number | null;
  output_price: number | null;
}
