// The one door to the admin API: JSON in, JSON out, one error class.
import type { Answers, Listing, Queries } from "./schema";

export type { Listing };

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly param?: string,
    readonly requestId?: string,
  ) {
    super(message);
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;
/** What the server takes, or what stands in an address or a field. */
type Loose<Q> = { [Name in keyof Q]?: Q[Name] | string | null | undefined };
declare const asked: unique symbol;
/** A path with its query, which still knows what GET answers there. */
export type Asked<Path extends keyof Answers> = string & { readonly [asked]: Path };

/** `path` with the members of `query` that say something. */
export function withQuery<Path extends keyof Queries & keyof Answers>(path: Path, query: Loose<Queries[NoInfer<Path>]>): Asked<Path>;
export function withQuery(path: string, query: Query): string;
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return search ? `${path}?${search}` : path;
}

async function failure(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; param?: string; request_id?: string } };
    return new ApiError(response.status, error.code, error.message, error.param, error.request_id);
  } catch {
    return new ApiError(response.status, "unreadable", `The server answered ${response.status} ${response.statusText}.`);
  }
}

/** Ask the server. Throws ApiError for anything but success; status 0 means that nobody answered. */
export async function call<T = unknown>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, headers: { accept: "application/json" }, credentials: "same-origin" };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.headers = { ...init.headers, "content-type": "application/json" };
    init.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "unreachable", "OmniRoute does not answer. Is it still running?");
  }
  if (!response.ok) throw await failure(response);
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

export const get = <T>(path: string, signal?: AbortSignal) => call<T>("GET", path, undefined, signal);
export const post = <T = unknown>(path: string, body: unknown = {}) => call<T>("POST", path, body);
export const put = <T = unknown>(path: string, body: unknown) => call<T>("PUT", path, body);
export const patch = <T = unknown>(path: string, body: unknown) => call<T>("PATCH", path, body);
export const remove = <T = unknown>(path: string) => call<T>("DELETE", path);
