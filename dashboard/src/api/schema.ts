// Made of the admin API's description by `make docs`. Not to be edited.

/** Every list. `next_cursor` asks for the next page; null: this was the last. */
export interface Listing<T> {
  data: T[];
  next_cursor: string | null;
}

/** One way to pay a provider. `tier` is the one in force, `own_tier` what was said of this account; `state`: `connected`, `failing`, `sign in again`, `terms not acknowledged`, `disabled`, `not supported` or `unknown provider`; `label` is what response headers say of it; `secret_hint` the masked credential, `login` the sign-in that stands in its place. Times in unix seconds. */
export interface Account {
  id: string;
  provider: string;
  provider_name: string;
  prefix: string;
  name: string;
  source: "builtin" | "database" | "environment" | "file";
  enabled: boolean;
  priority: number;
  url_vars: Record<string, string>;
  limits: AccountLimits;
  proxy: string | null;
  tier: "api_key" | "cheap" | "free" | "subscription" | null;
  own_tier: "api_key" | "cheap" | "free" | "subscription" | null;
  label: string | null;
  secret_hint: string | null;
  login: Login | null;
  state: string;
  created_at: number | null;
  last_test_at: number | null;
  last_error: string | null;
  read_only: boolean;
}

/** What the operator allows an account; None or empty = no limit of ours. `rpm`: requests begun within any minute; `min_gap`: seconds between two of them; `concurrency`: requests under way. `models`: ids it may serve, a `*` at the end stands for anything. `reserve`: the share of each quota (0..1) that is kept for other uses. */
export interface AccountLimits {
  rpm: number | null;
  min_gap: number | null;
  concurrency: number | null;
  models: string[];
  reserve: number;
  allowances: Allowance[];
}

export interface AccountRouting {
  id: string;
  provider: string;
  tier: "api_key" | "cheap" | "free" | "subscription" | null;
  models: string[];
}

/** What one live request for one token brought. `status` is its HTTP status. */
export interface AccountTest {
  id: string;
  ok: boolean;
  status: number;
  message: string;
  first_token_ms: number | null;
  model: string | null;
}

/** The provider's notice was read; sign-ins may be begun. */
export interface Acknowledged {
  provider: string;
  acknowledged: boolean;
}

/** A request under way. `model` is what was asked for; provider, upstream model and account are those of the last try, null before the first. Figures are so far, tokens and cost estimated. */
export interface ActiveRequest {
  request_id: string;
  started_at: number;
  seconds: number;
  model: string;
  stream: boolean;
  client_format: string;
  key_id: string | null;
  session_id: string | null;
  agent_id: string | null;
  state: "queued" | "streaming" | "waiting";
  provider: string | null;
  upstream_model: string | null;
  account_id: string | null;
  combo: string | null;
  attempts: number;
  bytes_out: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  cancelling: boolean;
}

/** What one agent of a conversation did; null: who began it. `turns` newest first. */
export interface Agent {
  agent_id: string | null;
  requests: number;
  tries: number;
  errors: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  cost_usd: number;
  shadow_cost_usd: number;
  models: string[];
  turns: Turn[];
}

/** Another name for a model or a combo. */
export interface AliasEntry {
  alias: string;
  target: string;
  source: "builtin" | "file" | "stored";
  read_only: boolean;
  problems: string[];
}

/** `alias` may hold `*` and `?`; `target` is a model, a combo or `PREFIX/*`. */
export interface AliasesAliasBody {
  alias: string;
  target: string;
}

/** `model` is a name, or a pattern of names (`*`: everything). */
export interface AliasesChainBody {
  model: string;
  steps: unknown[];
}

/** A quota that the provider does not report and we count: `limit` requests or tokens `per` window. Days begin at `reset_hour` in `zone` (IANA name), weeks on `weekday` (0 = Monday), months on `day`; `5h` and `rolling` (of `hours`) begin with the first request. `model`: an id, or a beginning and `*`; None = all together. `soft`: what the provider is said to give; it is not counted where the provider reports, and only a refusal uses it up. */
export interface Allowance {
  limit: number;
  unit: "requests" | "tokens";
  per: "5h" | "daily" | "monthly" | "rolling" | "weekly";
  model: string | null;
  hours: number;
  reset_hour: number;
  weekday: number;
  day: number;
  zone: string;
  soft: boolean;
}

export interface Amount {
  usd: number;
  tokens: number;
}

/** One change. `actor`: who (`admin`, `cli`, `system`); `action`: `key.create` and so on; `target`: the id. */
export interface AuditRow {
  id: number;
  at: number;
  actor: string;
  action: string;
  target: string;
  detail: Record<string, unknown>;
}

export interface AuthChangeBody {
  new_password: string;
  current_password?: string | null;
}

export interface AuthPasswordBody {
  password: string;
}

/** `failures` of late, of `threshold` that open it; `opened`: how often in a row. */
export interface Breaker {
  provider: string;
  state: "closed" | "half_open" | "open";
  until: number | null;
  failures: number;
  opened: number;
  threshold: number | null;
}

/** What is given is changed; null takes a limit away. */
export interface BudgetChange {
  usd?: number | null;
  tokens?: number | null;
  action?: "block" | "warn";
  warn_at?: number;
}

/** A budget of one key (`key_id` null: of all together) and where it stands. `reserved`: by requests under way; `share` of the nearer limit; `refused` in this window since the start. */
export interface BudgetView {
  id: string;
  key_id: string | null;
  key_name: string | null;
  period: "daily" | "monthly" | "weekly";
  usd: number | null;
  tokens: number | null;
  action: "block" | "warn";
  warn_at: number;
  created_at: number;
  updated_at: number;
  window: Window;
  used: Amount;
  reserved: Amount;
  share: number;
  state: "exceeded" | "ok" | "warning";
  refused: number;
}

/** `key_id` null: all keys together. `usd`, `tokens` or both; `warn_at` is a share. The words `keyId` and `limit` (USD) of version 1 are understood too. */
export interface BudgetsBudgetBody {
  period?: "daily" | "day" | "month" | "monthly" | "week" | "weekly";
  key_id?: string | null;
  usd?: number | null;
  tokens?: number | null;
  action?: "block" | "warn";
  warn_at?: number;
  keyId?: string | null;
  limit?: number | null;
}

/** Answers kept for equal requests; `bytes` they take, `replayed`: how often one was given again. */
export interface CacheState {
  answers: number;
  bytes: number;
  replayed: number;
}

/** The sign-in is over. */
export interface Cancelled {
  id: string;
  cancelled: boolean;
}

export interface CancelledRequest {
  request_id: string;
  cancelled: number;
}

/** The rules in force, and what is stored. */
export interface CaptureState {
  data: CaptureView[];
  stored: Stored;
  next_cursor: string | null;
}

/** Whose requests are captured (`key_id` null: everybody's), until when (null: until it is switched off). */
export interface CaptureView {
  key_id: string | null;
  key_name: string | null;
  until: number | null;
  created_at: number;
  actor: string;
}

export interface CapturedTry {
  attempt: number;
  upstream_request: UpstreamRequest;
  upstream_answer: UpstreamAnswer | null;
}

/** A model, `id` as clients ask for it. `context` and `output` in tokens, prices in USD per million tokens; null: not known. */
export interface CatalogueModel {
  id: string;
  provider: string;
  model: string;
  name: string;
  kind: string;
  connected: boolean;
  status: string | null;
  context: number | null;
  output: number | null;
  tools: boolean | null;
  vision: boolean | null;
  reasoning: boolean | null;
  input_price: number | null;
  output_price: number | null;
  price_basis: string;
}

/** What else to try for the models that `model` (a name or a pattern) names. */
export interface ChainEntry {
  model: string;
  steps: Step[];
  source: "builtin" | "file" | "stored";
  read_only: boolean;
  problems: string[];
}

export interface ClientAnswer {
  status: number;
  headers: string[][];
  body: string;
  bytes: number;
  truncated: boolean;
}

/** `bytes` is the whole size of the body, `truncated`: not all of it was kept. */
export interface ClientRequest {
  method: string;
  path: string;
  headers: string[][];
  body: string;
  bytes: number;
  truncated: boolean;
}

/** Several models behind one name. `strategy` null means the setting's; `timeout` in seconds to the first token; `proxy`: outbound proxy of its calls, or `direct`; `problems` are sentences about steps that lead nowhere. */
export interface Combo {
  id: string;
  name: string;
  strategy: string | null;
  options: Record<string, unknown>;
  steps: (string | Step)[];
  fallback: (string | Step)[];
  timeout: number | null;
  retries: number | null;
  proxy: string | null;
  source: "builtin" | "file" | "stored";
  read_only: boolean;
  problems: string[];
}

/** What is left out stays; null takes a value away. */
export interface ComboChange {
  name?: string;
  steps?: unknown[];
  strategy?: string | null;
  options?: Record<string, unknown> | null;
  fallback?: unknown[] | null;
  timeout?: number | null;
  retries?: number | null;
}

/** `name` of a combo (or any model). */
export interface ComboTest {
  name: string;
  stream?: boolean;
}

/** As in the config file. A step is a name, or an object with `model` or `combo`, `account`, `weight`, `timeout`, `retries`, `tags`. */
export interface CombosCreateBody {
  name: string;
  steps: unknown[];
  strategy?: string | null;
  options?: Record<string, unknown>;
  fallback?: unknown[];
  timeout?: number | null;
  retries?: number | null;
}

/** An account, or one `model` of it, that is left alone `until` (unix seconds; null: until it is mended). Of accounts that are gone only the id is left. `reason`: the class of the fault; `stated`: the provider named the time; `next_probe_at`: when one request may look whether it still holds. */
export interface Cooldown {
  id: string;
  provider: string | null;
  name: string | null;
  label: string | null;
  model: string | null;
  reason: string;
  since: number;
  until: number | null;
  active: boolean;
  stated: boolean;
  next_probe_at: number | null;
}

export interface Counted {
  known: number;
  connected: number;
}

/** One model. `context` and `max_output` in tokens; None = not known. `price`: USD per million tokens under `input`, `output`, `cached`, `cache_write`. */
export interface CustomModelRow {
  provider: string;
  model_id: string;
  name: string;
  context: number | null;
  max_output: number | null;
  tools: boolean | null;
  vision: boolean | null;
  reasoning: boolean | null;
  price: Record<string, number> | null;
  created_at: number;
  updated_at: number;
}

export interface DatabaseState {
  path: string;
  schema: string;
  writes_waiting: number;
  writes_done: number;
  readers: number;
  readers_idle: number;
}

/** It is gone. */
export interface Deleted {
  id: string;
  deleted: boolean;
}

export interface DeletedAlias {
  alias: string;
  deleted: boolean;
}

export interface DeletedChain {
  model: string;
  deleted: boolean;
}

export interface DeletedModel {
  provider: string;
  model_id: string;
  deleted: boolean;
}

/** Who would be asked now, in order. `kind` and `decision`: how the name was understood; `outcome`: what the client would be told if nobody could answer. */
export interface DryRun {
  model: string;
  kind: string;
  decision: string;
  rows: Row[];
  left_out: LeftOut[];
  outcome: string | null;
}

/** The one shape of every refusal. */
export interface Error {
  error: Problem;
}

/** What would be sent to `model` in `upstream_format`. */
export interface Explanation {
  model: string;
  format: string;
  upstream_format: string;
  operations: Operation[];
  lossy: boolean;
  body: Record<string, unknown>;
}

/** One thing to set of a strategy: enough to draw its form and to check what is given. */
export interface Field {
  name: string;
  type: "boolean" | "integer" | "number" | "text";
  default: unknown;
  help: string;
  minimum: number | null;
  maximum: number | null;
  choices: string[];
}

export interface Forgotten {
  removed: number;
}

export interface GcPauses {
  collections: number[];
  p50_ms: number | null;
  p99_ms: number | null;
  max_ms: number;
  frozen: number;
}

/** The configuration in figures, and the live state of the process. Further parts of the server may add members. */
export interface Health {
  version: string;
  uptime_seconds: number;
  in_flight: number;
  tasks: number;
  draining: boolean;
  accounts: number;
  keys: number;
  password_set: boolean;
  api_key_required: boolean;
  config_file: string | null;
  providers: Counted;
  recorder: RecorderState;
  database: DatabaseState;
  upstream: Record<string, WireState>;
  loop_lag: LoopLag;
  gc: GcPauses;
  memory: Memory;
  idempotency: Remembered;
  latency: Latency[];
}

/** Seven days from Monday of 24 hours each. */
export interface Heat {
  time_zone: string;
  requests: number[][];
  tokens: number[][];
  cost_usd: number[][];
}

/** A sign-in of another program on this machine. `source` names it when importing; `label`: whose it is. */
export interface Importable {
  provider: string;
  source: string;
  path: string;
  label: string | null;
  expires_at: number | null;
}

/** What a first visit must know. `endpoint` is the base URL of the OpenAI dialect, `example_model` one that answers. */
export interface Init {
  version: string;
  setup_required: boolean;
  can_set_password: boolean;
  authenticated: boolean;
  api_key_required: boolean;
  endpoint: string;
  example_model: string;
}

/** Addresses and networks. `mode` says which of the lists has entries. */
export interface IpFilter {
  mode: "allowlist" | "blocklist" | "both" | "off";
  allowlist: string[];
  blocklist: string[];
}

/** What is left out stays, but a `mode` empties the list that it does not use. */
export interface IpFilterChange {
  mode?: "allowlist" | "blocklist" | "both" | "off";
  allowlist?: string[];
  blocklist?: string[];
}

/** An API key. `hint`: how it begins; empty lists and null mean no limit; times in unix seconds. */
export interface Key {
  id: string;
  name: string;
  hint: string | null;
  models: string[];
  combos: string[];
  providers: string[];
  rpm: number | null;
  streams: number | null;
  system_prompt: string | null;
  system_prompt_position: "append" | "prepend" | "replace";
  proxy: string | null;
  state: "active" | "expired" | "revoked";
  created_at: number | null;
  last_used_at: number | null;
  expires_at: number | null;
  revoked_at: number | null;
  source: "database" | "file";
  read_only: boolean;
}

/** `models`: `prefix/model`, bare ids, or with a `*` at the end; `combos`: names, likewise; empty lists mean no limit. `rpm`: requests per minute; `streams`: open at once; `system_prompt` goes with every request; `proxy`: URL of the outbound proxy of its calls, or `direct`. Give at most one expiry: `expires_at` in unix seconds or `expires_in` in seconds from now. */
export interface KeysCreateBody {
  name: string;
  models?: string[];
  combos?: string[];
  providers?: string[];
  rpm?: number | null;
  streams?: number | null;
  system_prompt?: string | null;
  system_prompt_position?: "append" | "prepend" | "replace";
  proxy?: string | null;
  expires_at?: number | null;
  expires_in?: number | null;
}

/** What is given is changed; null removes a limit, the prompt, the proxy, the expiry. */
export interface KeysUpdateBody {
  name?: string;
  models?: string[];
  combos?: string[];
  providers?: string[];
  rpm?: number | null;
  streams?: number | null;
  system_prompt?: string | null;
  system_prompt_position?: "append" | "prepend" | "replace";
  proxy?: string | null;
  expires_at?: number | null;
  expires_in?: number;
}

/** Tries at one target since the start, by outcome, and how long they took. */
export interface Latency {
  provider: string;
  model: string;
  outcomes: Record<string, number>;
  total_ms: Percentiles;
  ttft_ms: Percentiles;
}

/** One try; the fields are the columns, in their order. Made once, filled in on its way to the ledger, then left alone. `id` grows with time and is given by the recorder: writing a row of an id that is settled changes nothing. `started_at` is in unix seconds. Milliseconds: `queue_ms` waited for a free place, `connect_ms` for a connection (0 = one was open; None = not known), `ttft_ms` and `total_ms` from the client's request to the first useful event and to the end. `bytes_in` from the client, `bytes_out` to it. `input_tokens` includes cached and written ones, `output_tokens` includes reasoning; `estimated`: some of them were counted by us. `outcome`: `open` while the try runs, so that a killed process leaves a trace. `status`: what the client got or would have got. `cost_usd` None = price unknown; `shadow_cost_usd`: list price of what a plan made free; `price_version` names the rates it was priced by. `combo` and `decision` say how the target was found, `fallback` that an earlier try of the request had failed, `hedge` that it ran beside another one. `agent_id` and `session_id` are the client's own. */
export interface LedgerRow {
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
  outcome: "aborted" | "error" | "ok" | "open" | "truncated";
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
  price_version: string | null;
}

export interface LeftOut {
  step: string;
  reason: string;
}

/** Who waits for an account. */
export interface Line {
  id: string;
  provider: string | null;
  name: string | null;
  label: string | null;
  waiting: number;
  clients: number;
  most: number;
}

export interface LoggedOut {
  authenticated: boolean;
}

/** What an account's sign-in is like. `plan`: the provider's word; `problem`: why somebody must sign in again; `renews`: it is renewed before it ends; `facts`: what else the provider said, none of it secret. Times in unix seconds. */
export interface Login {
  account_id: string;
  provider: string;
  method: string;
  email: string | null;
  plan: string | null;
  expires_at: number | null;
  created_at: number | null;
  refreshed_at: number | null;
  problem: string | null;
  renews: boolean;
  facts: Record<string, string>;
}

/** A provider that people sign in at. `options` may be given when beginning, `defaults` are what they are otherwise. `missing_env`: variables without which nothing can be begun. `terms`: what must be `acknowledged` first. `accounts`: how many are in use; `takes_key`: an API key will do as well. */
export interface LoginProvider {
  provider: string;
  prefix: string;
  name: string;
  accounts: number;
  takes_key: boolean;
  flows: string[];
  methods: ("browser" | "device" | "import" | "paste")[];
  options: string[];
  defaults: Record<string, string>;
  missing_env: string[];
  terms: string | null;
  acknowledged: boolean;
}

export interface LoginRequired {
  require_login: boolean;
}

export interface LoginRequiredChange {
  require_login: boolean;
}

/** A sign-in that was begun. `url` is to be opened (browser, paste), or `user_code` to be entered at `verification_uri` (device). `redirect_uri`: where the browser will be sent. `interval`: seconds between two questions; `expires_at`: unix seconds. */
export interface LoginSession {
  id: string;
  provider: string;
  method: "browser" | "device" | "import" | "paste";
  expires_at: number;
  url: string | null;
  redirect_uri: string | null;
  user_code: string | null;
  verification_uri: string | null;
  verification_uri_complete: string | null;
  interval: number | null;
}

/** How far a sign-in is. `reason`: why it failed; `next_poll_at`: when the provider is asked again (unix seconds). */
export interface LoginStatus {
  state: "done" | "failed" | "pending";
  account_id: string | null;
  reason: string | null;
  next_poll_at: number | null;
}

/** USD per million tokens of a request whose input is longer than `above` tokens. */
export interface LongPrice {
  above: number;
  input: number;
  output: number;
  cached: number | null;
  cache_write: number | null;
}

export interface LoopLag {
  p50_ms: number | null;
  p99_ms: number | null;
  max_ms: number;
  count: number;
}

export interface Memory {
  rss_bytes: number | null;
}

/** USD per million tokens; null: not known, or (`cached`, `cache_write`) as `input`. `basis`: `equivalent` = a plan pays, this is what it would have cost. `long_context` is the first of `tiers`. `version` is what rows of the ledger carry. */
export interface ModelPrice {
  provider: string;
  model: string;
  input: number | null;
  output: number | null;
  cached: number | null;
  cache_write: number | null;
  long_context: LongPrice | null;
  tiers: LongPrice[];
  basis: "equivalent" | "list" | "unknown";
  source: "catalogue" | "custom" | "genai-prices" | "none" | "override";
  version: string | null;
  override: boolean;
  updated_at: number | null;
}

export interface NamedAccount {
  id: string;
  provider: string | null;
  name: string | null;
  label: string | null;
}

/** `key` is its plain text, in this answer and nowhere else. */
export interface NewKey {
  id: string;
  name: string;
  hint: string | null;
  models: string[];
  combos: string[];
  providers: string[];
  rpm: number | null;
  streams: number | null;
  system_prompt: string | null;
  system_prompt_position: "append" | "prepend" | "replace";
  proxy: string | null;
  state: "active" | "expired" | "revoked";
  created_at: number | null;
  last_used_at: number | null;
  expires_at: number | null;
  revoked_at: number | null;
  source: "database" | "file";
  read_only: boolean;
  key: string;
}

/** An upstream of the operator's own, behind `prefix`. Values of `headers` are masked; `timeouts` in seconds. */
export interface Node {
  id: string;
  prefix: string;
  name: string;
  format: string;
  base_url: string;
  headers: Record<string, string>;
  models: string[];
  tier: "api_key" | "cheap" | "free" | "subscription";
  timeouts: Record<string, number>;
  resilience: boolean;
  proxy: string | null;
  transport: string;
  has_secret: boolean;
  source: "database" | "file";
  read_only: boolean;
  created_at: number | null;
  updated_at: number | null;
}

/** `method`: `browser` comes back to a listener on this machine, `paste` wants the address or code submitted. `options`: values for the provider's options. */
export interface OauthBeginBody {
  method?: "browser" | "device" | "import" | "paste";
  options?: Record<string, string>;
}

/** `options`: values for the provider's options. */
export interface OauthDeviceBody {
  options?: Record<string, string>;
}

/** `session`: id of the sign-in; `text`: the address the browser ended up at, or the code that the provider showed. */
export interface OauthExchangeBody {
  session: string;
  text: string;
}

/** One of three. `source`: of an importable sign-in on this machine. `text`: what such a file holds, or a bare token. `tokens`: `access`, `refresh` and whatever else the provider needs. */
export interface OauthImportBody {
  source?: string | null;
  text?: string | null;
  tokens?: Record<string, string>;
}

/** `session`: id of the sign-in. */
export interface OauthPollBody {
  session: string;
}

/** What translation does to a request, at a JSON pointer of it; `lossy`: something is lost. */
export interface Operation {
  rule: string;
  pointer: string;
  action: string;
  detail: string;
  lossy: boolean;
}

/** Proxies of calls to upstreams, passwords left out: the one for all, and those of providers and nodes by id. */
export interface OutboundProxies {
  proxy: string | null;
  providers: Record<string, string>;
}

/** `proxy`: a URL (http, https, socks5), `direct`, or null for what the environment says. */
export interface OutboundProxyChange {
  proxy: string | null;
}

/** Told to a caller with the admin token; one with a session gets a new session instead. */
export interface PasswordChanged {
  changed?: boolean;
  authenticated?: boolean;
  expires_in?: number;
}

/** One captured request in its four stages, without secrets. */
export interface Payload {
  request_id: string;
  at: number;
  key_id: string | null;
  client_request: ClientRequest;
  tries: CapturedTry[];
  client_answer: ClientAnswer | null;
}

/** Milliseconds; null: nothing was measured. */
export interface Percentiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/** Connections to one origin. */
export interface Pool {
  open: number;
  idle: number | null;
  busy: number;
}

/** Prices of requests whose input is longer than `above` tokens. */
export interface PricingLongBody {
  above: number;
  input: number;
  output: number;
  cached?: number | null;
  cache_write?: number | null;
}

/** `provider` is an id or prefix; prices in USD per million tokens. `cached` and `cache_write` null: as `input`. `basis` null: as the tier of the provider says. */
export interface PricingPriceBody {
  provider: string;
  model: string;
  input: number;
  output: number;
  cached?: number | null;
  cache_write?: number | null;
  long_context?: PricingLongBody | null;
  basis?: "equivalent" | "list" | null;
}

/** `code` is for programs, `message` a sentence for people; `param`: what of the request it is about; `request_id` finds it in the log. */
export interface Problem {
  code: string;
  message: string;
  request_id: string;
  param?: string;
}

/** A provider of the catalogue, or a node. `accounts` and `models` are counts; connecting takes `url_vars`. */
export interface Provider {
  id: string;
  prefix: string;
  aliases: string[];
  name: string;
  tier: "api_key" | "cheap" | "free" | "subscription";
  kinds: string[];
  format: string;
  auth: string;
  needs_key: boolean;
  env_keys: string[];
  url_vars: string[];
  website: string | null;
  status: string | null;
  origin: "catalogue" | "database" | "file";
  state: "connected" | "not connected" | "not supported";
  accounts: number;
  models: number;
}

/** With its models. */
export interface ProviderDetail {
  id: string;
  prefix: string;
  aliases: string[];
  name: string;
  tier: "api_key" | "cheap" | "free" | "subscription";
  kinds: string[];
  format: string;
  auth: string;
  needs_key: boolean;
  env_keys: string[];
  url_vars: string[];
  website: string | null;
  status: string | null;
  origin: "catalogue" | "database" | "file";
  state: "connected" | "not connected" | "not supported";
  accounts: number;
  models: number;
  model_list: CatalogueModel[];
}

/** What one provider did since the start of the ledger, or `since`. `success_rate` null: nothing was asked of it. */
export interface ProviderMetrics {
  provider: string;
  requests: number;
  attempts: number;
  errors: number;
  success_rate: number | null;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  shadow_cost_usd: number;
  breaker: "closed" | "half_open" | "open";
}

/** USD per million tokens. */
export interface ProviderModelsPriceBody {
  input?: number | null;
  output?: number | null;
  cached?: number | null;
  cache_write?: number | null;
}

/** `context` and `max_output` in tokens; what is left out is not known. */
export interface ProviderModelsPutBody {
  provider: string;
  model_id: string;
  name?: string;
  context?: number | null;
  max_output?: number | null;
  tools?: boolean | null;
  vision?: boolean | null;
  reasoning?: boolean | null;
  price?: ProviderModelsPriceBody | null;
}

/** `format`: what the upstream speaks; `models`: ids it lists, `*` accepts any; `timeouts` in seconds; `proxy`: URL of the outbound proxy of its calls, or `direct`; `transport`: `standard` or `browser`. */
export interface ProviderNodesCreateBody {
  prefix: string;
  format: string;
  base_url: string;
  name?: string | null;
  api_key?: string | null;
  headers?: Record<string, string>;
  models?: string[];
  tier?: string;
  timeouts?: Record<string, number>;
  resilience?: boolean;
  proxy?: string | null;
  transport?: string;
}

/** `api_key: null` removes the credential, `proxy: null` the proxy. */
export interface ProviderNodesUpdateBody {
  name?: string;
  format?: string;
  base_url?: string;
  api_key?: string | null;
  headers?: Record<string, string>;
  models?: string[];
  tier?: string;
  timeouts?: Record<string, number>;
  resilience?: boolean;
  proxy?: string | null;
  transport?: string;
}

/** `provider` is an id or prefix; `url_vars` fill the placeholders of its URLs; `priority`: lower is tried first. `limits`: members of `AccountLimits`; `proxy`: outbound proxy URL of its calls, or `direct`; `tier` null means the provider's. */
export interface ProvidersCreateBody {
  provider: string;
  name?: string | null;
  api_key?: string | null;
  enabled?: boolean;
  priority?: number;
  url_vars?: Record<string, string>;
  limits?: Record<string, unknown>;
  proxy?: string | null;
  tier?: "api_key" | "cheap" | "free" | "subscription" | null;
}

/** `api_key: null` removes the credential. `limits`: the members given are changed, null takes one (or all) away. */
export interface ProvidersUpdateBody {
  name?: string;
  api_key?: string | null;
  enabled?: boolean;
  priority?: number;
  url_vars?: Record<string, string>;
  limits?: Record<string, unknown> | null;
  proxy?: string | null;
  tier?: "api_key" | "cheap" | "free" | "subscription" | null;
}

/** How asking the account's provider went: when it was asked and when it told, when it may be asked again, and why it did not tell. Unix seconds; null = not yet. */
export interface Question {
  asked_at: number | null;
  told_at: number | null;
  due_at: number | null;
  problem: string | null;
}

/** An account with its windows; `reserve`: the share of each that is kept for other uses; `question` is null where the provider cannot be asked. */
export interface Quota {
  id: string;
  provider: string;
  name: string;
  label: string;
  tier: "api_key" | "cheap" | "free" | "subscription";
  reserve: number;
  windows: QuotaWindow[];
  question: Question | null;
}

/** One window of a quota. `used`, `expected` (by now, if it were spread evenly) and `surplus` (what would expire unused) are shares 0 to 1; `used_units` and `limit` in the provider's own unit; `age` and `length` in seconds; the other times in unix seconds. */
export interface QuotaWindow {
  name: string;
  model: string | null;
  used: number;
  used_units: number | null;
  limit: number | null;
  resets_at: number | null;
  length: number | null;
  source: "counted" | "endpoint" | "header";
  seen_at: number;
  age: number;
  expected: number | null;
  exhausts_at: number | null;
  surplus: number | null;
  state: "exhausted" | "open" | "reserve";
}

export interface QuotasRefreshBody {
  account_id: string;
}

/** One learned rate. `unit`: requests or tokens; `period` in seconds; `resets_at`, `seen_at` in unix seconds. */
export interface Rate {
  unit: string;
  seen_at: number;
  limit: number | null;
  remaining: number | null;
  resets_at: number | null;
  period: number | null;
}

/** Limits of an account and what is under way. `next_in`: seconds until the next request may begin; 0 = now, null = when one under way ends. */
export interface RateLimits {
  id: string;
  provider: string;
  name: string;
  label: string;
  limits: AccountLimits;
  reported: Rate[];
  in_flight: number;
  waiting: number;
  next_in: number | null;
}

/** The ledger's inbox, in rows. */
export interface RecorderState {
  waiting: number;
  capacity: number;
  written: number;
  dropped: number;
  failures: number;
  failing_since: number | null;
  last_error: string | null;
}

/** Answers kept for equal requests. */
export interface Remembered {
  answers: number;
  bytes: number;
  replayed: number;
}

export interface Removed {
  removed: number;
}

/** All tries of a request, oldest first; whether its payload was captured, and whether it is under way. */
export interface RequestDetail {
  request_id: string;
  tries: LedgerRow[];
  captured: boolean;
  active: boolean;
}

/** `key_id` null: everybody's requests; `seconds` null: until it is switched off. */
export interface RequestsCaptureBody {
  key_id?: string | null;
  seconds?: number | null;
}

/** `unlocked`: how many things were held against `scope`. */
export interface Reset {
  scope: string;
  unlocked: number;
}

/** What stands in the way of requests now, and the settings behind it. */
export interface Resilience {
  settings: Setting[];
  cooldowns: Cooldown[];
  breakers: Breaker[];
  queue: Line[];
  in_flight: number;
  sessions: number;
}

/** Nothing given: everything. `provider` (id or prefix): its breaker; `account` (id): its cooldowns, rates and used-up quotas, and those of its models; with `model`, of that one only. */
export interface ResilienceResetBody {
  provider?: string | null;
  account?: string | null;
  model?: string | null;
}

/** An account where its provider's routing is looked at; `tier` is the one in force, `own_tier` what was said of this account (null: the provider's), empty `models` mean all; `editable`: it is in the store. */
export interface RoutedAccount {
  id: string;
  name: string;
  priority: number;
  tier: "api_key" | "cheap" | "free" | "subscription";
  own_tier: "api_key" | "cheap" | "free" | "subscription" | null;
  editable: boolean;
  models: string[];
}

/** How a connected provider is routed to; `strategy` null means the setting's, `options` are values of its fields. */
export interface RoutedProvider {
  id: string;
  name: string;
  tier: "api_key" | "cheap" | "free" | "subscription";
  strategy: string | null;
  options: Record<string, unknown>;
  source: "catalogue" | "database" | "file";
  read_only: boolean;
  accounts: RoutedAccount[];
}

/** `tier` null means the provider's; `models`: ids it may be used for, `*` at the end is anything; empty: all. */
export interface RoutingAccountBody {
  tier?: "api_key" | "cheap" | "free" | "subscription" | null;
  models?: string[];
}

/** A request as routing sees one. `input_tokens` 0 = not known. */
export interface RoutingPreviewBody {
  model: string;
  session?: string | null;
  needs?: ("reasoning" | "tools" | "vision")[];
  input_tokens?: number;
  stream?: boolean;
}

/** null goes back to the catalogue's tier, or the setting's strategy. */
export interface RoutingProviderBody {
  tier?: "api_key" | "cheap" | "free" | "subscription" | null;
  strategy?: string | null;
  options?: Record<string, unknown>;
}

/** One try that would be made, or why not. `state`: `next` (now), `then` (if those before fail), `blocked`. `block` is the reason's word (cooldown, exhausted, …), `until` unix seconds when it ends, None = not known or not blocked; `timeout` the step's own first-token limit in seconds. */
export interface Row {
  state: "blocked" | "next" | "then";
  target: string;
  provider: string;
  model: string;
  account_id: string | null;
  account: string | null;
  tier: string;
  reason: string;
  combo: string | null;
  step: number | null;
  timeout: number | null;
  block: string | null;
  until: number | null;
}

/** One group over time: a number for each bucket. */
export interface Series {
  group: string | null;
  requests: number[];
  errors: number[];
  input_tokens: number[];
  cached_tokens: number[];
  output_tokens: number[];
  cost_usd: number[];
  shadow_cost_usd: number[];
}

/** A conversation. `cache_hit`: the share of its input that was read from the cache. */
export interface Session {
  session_id: string;
  key_id: string | null;
  first_at: number;
  last_at: number;
  requests: number;
  tries: number;
  errors: number;
  input_tokens: number;
  cached_tokens: number;
  written_tokens: number;
  output_tokens: number;
  cost_usd: number;
  shadow_cost_usd: number;
  cache_hit: number;
}

export interface SessionDetail {
  session_id: string;
  key_id: string | null;
  first_at: number;
  last_at: number;
  requests: number;
  tries: number;
  errors: number;
  input_tokens: number;
  cached_tokens: number;
  written_tokens: number;
  output_tokens: number;
  cost_usd: number;
  shadow_cost_usd: number;
  cache_hit: number;
  agents: Agent[];
}

/** Logged in; the cookie lasts `expires_in` seconds. */
export interface SessionOpened {
  authenticated: boolean;
  expires_in: number;
}

/** A setting. `value` is the one in force, from `origin`; secret ones say only whether they are set; `restart`: a change takes effect at the next start. */
export interface Setting {
  name: string;
  section: string;
  type: "boolean" | "integer" | "list" | "number" | "size" | "text";
  value: unknown;
  default: unknown;
  is_set: boolean;
  origin: "database" | "default" | "environment" | "file" | "flag";
  editable: boolean;
  restart: boolean;
  secret: boolean;
  help: string;
  unit: string | null;
  choices: string[];
  minimum: number | null;
  maximum: number | null;
  env: string[];
}

/** The settings that were given, and which of them wait for the next start. */
export interface SettingsChanged {
  data: Setting[];
  restart_required: string[];
}

/** The account that a sign-in made, or brought back. */
export interface SignedIn {
  account_id: string;
  login: Login | null;
}

/** One step: exactly one of `model` and `combo`. `account` (name or id) narrows a model to one account. `weight` is its share where the strategy draws lots; `timeout` the seconds to the first token, `retries` how often it is tried again in place (None: the combo's, then the global setting); `tags` are for people. */
export interface Step {
  model?: string | null;
  combo?: string | null;
  account?: string | null;
  weight?: number;
  timeout?: number | null;
  retries?: number | null;
  tags?: string[];
}

export interface Stopping {
  stopping: boolean;
}

export interface Stored {
  count: number;
  bytes: number;
}

/** A way to put candidates in order. `affine`: conversations stay where their prompt cache is warm. */
export interface Strategy {
  name: string;
  help: string;
  affine: boolean;
  fields: Field[];
}

/** The prompt that goes with every chat request. */
export interface SystemPrompt {
  enabled: boolean;
  prompt: string | null;
  position: "append" | "prepend" | "replace";
}

/** `enabled` false takes the prompt away. */
export interface SystemPromptChange {
  enabled?: boolean;
  prompt?: string | null;
  position?: "append" | "prepend" | "replace";
}

/** Tries at one target since the start; milliseconds. */
export interface TargetLatency {
  provider: string;
  model: string;
  count: number;
  errors: number;
  total_ms: Percentiles;
  ttft_ms: Percentiles;
}

/** `custom_budget` in tokens; null: `effort` decides. */
export interface ThinkingBudget {
  mode: "adaptive" | "auto" | "custom" | "passthrough";
  custom_budget: number | null;
  effort: string;
}

export interface ThinkingBudgetChange {
  mode?: "adaptive" | "auto" | "custom" | "passthrough";
  custom_budget?: number | null;
  effort?: string;
}

/** A sign-in with a word for its state: `ok`, `expiring` (soon, and nothing renews it), `expired` or `problem`. */
export interface TokenHealth {
  account_id: string;
  provider: string;
  method: string;
  email: string | null;
  plan: string | null;
  expires_at: number | null;
  created_at: number | null;
  refreshed_at: number | null;
  problem: string | null;
  renews: boolean;
  facts: Record<string, string>;
  name: string;
  state: "expired" | "expiring" | "ok" | "problem";
  expires_in: number | null;
}

/** Every sign-in, those that need somebody first. Counts by state. */
export interface TokenHealthReport {
  data: TokenHealth[];
  next_cursor: null;
  ok: number;
  expiring: number;
  expired: number;
  problem: number;
}

/** `body` is a client's request in `format`; `model` replaces the one it names. */
export interface TranslatorExplainRequest {
  format: string;
  body: Record<string, unknown>;
  model?: string | null;
}

export interface Turn {
  request_id: string;
  started_at: number;
  provider: string;
  model: string;
  outcome: string;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  total_ms: number;
}

/** A model that an account cannot be asked for at the moment. */
export interface UnavailableModel {
  provider: string | null;
  model: string;
  account: string;
  reason: string;
  until: number | null;
}

/** `provider`: id or prefix. */
export interface Unlock {
  provider: string;
  model: string;
}

export interface Unlocked {
  provider: string;
  model: string;
  unlocked: number;
}

/** `error`: what broke it off; `status` null: nothing was answered. */
export interface UpstreamAnswer {
  status: number | null;
  headers: string[][];
  body: string;
  bytes: number;
  truncated: boolean;
  error: string | null;
}

export interface UpstreamRequest {
  method: string;
  url: string;
  headers: string[][];
  body: string;
  bytes: number;
  truncated: boolean;
}

/** Sums over time: `buckets` are their beginnings in unix seconds; one number for each in every list. */
export interface UsageSeries {
  step: "day" | "hour";
  time_zone: string;
  buckets: number[];
  series: Series[];
}

/** Sums over one group of settled tries. `requests` counts requests whose first try is among them, so that groups add up to the whole; `attempts` rows, `unpriced` rows of unknown price, `errors` all that did not end well. */
export interface UsageTotals {
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
  tries_ok: number;
  fallbacks: number;
  hedges: number;
}

/** What rows of one price version were charged by. */
export interface UsedPrice {
  version: string;
  provider: string;
  model: string;
  source: string;
  basis: string;
  input: number | null;
  output: number | null;
  cached: number | null;
  cache_write: number | null;
  long_context: LongPrice | null;
  tiers: LongPrice[];
  first_used_at: number;
}

/** A credential to be tried; nothing of it is kept. */
export interface Validate {
  provider: string;
  api_key: string;
  url_vars?: Record<string, string>;
}

/** What one live request for one token brought. */
export interface Validated {
  ok: boolean;
  status: number;
  message: string;
  first_token_ms: number | null;
  model: string | null;
}

/** A conversation that stays with an account while its prompt cache is warm. */
export interface WarmSession {
  session: string;
  provider: string;
  account: NamedAccount;
  until: number;
}

/** Unix seconds; it begins anew at `end`. */
export interface Window {
  start: number;
  end: number;
}

/** One way to the upstreams. */
export interface WireState {
  origins?: Record<string, Pool>;
}

/** What GET answers. */
export interface Answers {
  "/api/aliases": Listing<AliasEntry>;
  "/api/budgets": Listing<BudgetView>;
  "/api/cache": CacheState;
  "/api/capture": CaptureState;
  "/api/combos": Listing<Combo>;
  "/api/compliance/audit-log": Listing<AuditRow>;
  "/api/fallback/chains": Listing<ChainEntry>;
  "/api/init": Init;
  "/api/keys": Listing<Key>;
  "/api/models/alias": Listing<AliasEntry>;
  "/api/models/availability": Listing<UnavailableModel>;
  "/api/models/catalog": Listing<CatalogueModel>;
  "/api/monitoring/health": Health;
  "/api/oauth/importable": Listing<Importable>;
  "/api/oauth/providers": Listing<LoginProvider>;
  "/api/openapi.json": Record<string, unknown>;
  "/api/policies": Listing<ChainEntry>;
  "/api/pricing": Listing<ModelPrice>;
  "/api/provider-metrics": Listing<ProviderMetrics>;
  "/api/provider-models": Listing<CustomModelRow>;
  "/api/provider-nodes": Listing<Node>;
  "/api/providers": Listing<Account>;
  "/api/providers/catalogue": Listing<Provider>;
  "/api/quotas": Listing<Quota>;
  "/api/rate-limits": Listing<RateLimits>;
  "/api/requests/active": Listing<ActiveRequest>;
  "/api/resilience": Resilience;
  "/api/routing/providers": Listing<RoutedProvider>;
  "/api/sessions": Listing<WarmSession>;
  "/api/settings": Listing<Setting>;
  "/api/settings/ip-filter": IpFilter;
  "/api/settings/proxy": OutboundProxies;
  "/api/settings/require-login": LoginRequired;
  "/api/settings/system-prompt": SystemPrompt;
  "/api/settings/thinking-budget": ThinkingBudget;
  "/api/strategies": Listing<Strategy>;
  "/api/telemetry/summary": Listing<TargetLatency>;
  "/api/token-health": TokenHealthReport;
  "/api/usage/budget": Listing<BudgetView>;
  "/api/usage/heat": Heat;
  "/api/usage/history": Listing<LedgerRow>;
  "/api/usage/logs": Listing<LedgerRow>;
  "/api/usage/request-logs": Listing<LedgerRow>;
  "/api/usage/series": UsageSeries;
  "/api/usage/sessions": Listing<Session>;
  "/api/usage/totals": Listing<UsageTotals>;
}

/** What GET takes in the query. */
export interface Queries {
  "/api/compliance/audit-log": { limit?: number; cursor?: string };
  "/api/keys": { all?: boolean };
  "/api/models/catalog": { all?: boolean; provider?: string; kind?: string };
  "/api/oauth/importable": { provider?: string };
  "/api/pricing": { provider?: string; q?: string; source?: string; limit?: number; cursor?: string };
  "/api/provider-metrics": { since?: number };
  "/api/provider-models": { provider?: string };
  "/api/sessions": { limit?: number };
  "/api/usage/export": { since?: number; until?: number; request_id?: string; key_id?: string; account_id?: string; provider?: string; model?: string; combo?: string; client_format?: string; upstream_format?: string; status?: number; outcome?: string; error_kind?: string; session_id?: string; agent_id?: string; format?: "csv" | "json"; limit?: number };
  "/api/usage/heat": { since?: number; until?: number; provider?: string; model?: string; key_id?: string; account_id?: string; combo?: string };
  "/api/usage/history": { since?: number; until?: number; request_id?: string; key_id?: string; account_id?: string; provider?: string; model?: string; combo?: string; client_format?: string; upstream_format?: string; status?: number; outcome?: string; error_kind?: string; session_id?: string; agent_id?: string; limit?: number; cursor?: string };
  "/api/usage/logs": { since?: number; until?: number; request_id?: string; key_id?: string; account_id?: string; provider?: string; model?: string; combo?: string; client_format?: string; upstream_format?: string; status?: number; outcome?: string; error_kind?: string; session_id?: string; agent_id?: string; limit?: number; cursor?: string };
  "/api/usage/request-logs": { since?: number; until?: number; request_id?: string; key_id?: string; account_id?: string; provider?: string; model?: string; combo?: string; client_format?: string; upstream_format?: string; status?: number; outcome?: string; error_kind?: string; session_id?: string; agent_id?: string; limit?: number; cursor?: string };
  "/api/usage/series": { since?: number; until?: number; step?: "auto" | "day" | "hour"; group_by?: string; top?: number; provider?: string; model?: string; key_id?: string; account_id?: string; combo?: string };
  "/api/usage/sessions": { limit?: number; cursor?: string };
  "/api/usage/totals": { since?: number; until?: number; request_id?: string; key_id?: string; account_id?: string; provider?: string; model?: string; combo?: string; client_format?: string; upstream_format?: string; status?: number; outcome?: string; error_kind?: string; session_id?: string; agent_id?: string; group_by?: string; tz?: boolean };
}
