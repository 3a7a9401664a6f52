import type { Totals } from "../../api/types";

export const RANGES = [
  ["1", "24 hours"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
] as const;

export interface Slot {
  at: number;
  requests: number;
  attempts: number;
  errors: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  cost_usd: number;
  shadow_cost_usd: number;
}

const SUMS = ["requests", "attempts", "errors", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "shadow_cost_usd"] as const;
const HOUR = 3600;

/** When a range of `days` that ends in this hour begins: unix seconds, the same all through the hour. */
export function beginning(days: number): number {
  if (days <= 1) return (Math.floor(Date.now() / 3_600_000) - 23) * HOUR;
  const day = new Date();
  day.setHours(0, 0, 0, 0);
  day.setDate(day.getDate() - days + 1);
  return day.getTime() / 1000;
}

/** The moment of an hour group ("2026-11-24T09", UTC). */
export const momentOf = (group: string) => Date.parse(`${group}:00:00Z`) / 1000;

/** Hour groups as an unbroken row of hours, or of days of the local zone. */
export function slots(groups: readonly Totals[], since: number, daily: boolean): Slot[] {
  const found = new Map<number, Slot>();
  const end = Date.now() / 1000;
  for (let at = since; at <= end; at = following(at, daily)) found.set(at, { at, requests: 0, attempts: 0, errors: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0, cost_usd: 0, shadow_cost_usd: 0 });
  for (const group of groups) {
    if (group.group === null) continue;
    const moment = momentOf(group.group);
    const slot = found.get(daily ? new Date(moment * 1000).setHours(0, 0, 0, 0) / 1000 : moment);
    if (slot) for (const name of SUMS) slot[name] += group[name];
  }
  return [...found.values()];
}

function following(at: number, daily: boolean): number {
  if (!daily) return at + HOUR;
  const day = new Date(at * 1000);
  day.setDate(day.getDate() + 1); // days of 23 and 25 hours too
  return day.getTime() / 1000;
}

/** Requests by weekday (Monday first) and hour of the local zone. */
export function week(groups: readonly Totals[]): number[][] {
  const found = Array.from({ length: 7 }, () => new Array<number>(24).fill(0));
  for (const group of groups) {
    if (group.group === null) continue;
    const date = new Date(momentOf(group.group) * 1000);
    const day = found[(date.getDay() + 6) % 7];
    if (day) day[date.getHours()] = (day[date.getHours()] ?? 0) + group.requests;
  }
  return found;
}
