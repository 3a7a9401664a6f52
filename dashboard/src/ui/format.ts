// How numbers, money and times are written, everywhere alike.

const UNITS = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
] as const;

/** 1234567 → "1.23M". */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  for (const [size, unit] of UNITS) {
    if (Math.abs(value) >= size) return trim((value / size).toPrecision(3)) + unit;
  }
  return Number.isInteger(value) ? String(value) : trim(value.toPrecision(3));
}

const trim = (text: string) => (text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text);

/** 1 → "1 account", 2 → "2 accounts". */
export const plural = (n: number, word: string): string => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/** US dollars; small sums keep the digits that say something. */
export function money(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "$0";
  if (Math.abs(value) < 0.01) return `$${trim(value.toPrecision(2))}`;
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** Milliseconds. */
export function span(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${trim(ms.toPrecision(2))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trim((ms / 1000).toPrecision(3))} s`;
  return lasting(ms / 1000);
}

/** Seconds as the two largest units: "2 h 5 min". */
export function lasting(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, Math.round(seconds));
  for (const [size, unit] of [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ] as const) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0 && parts.length < 2) parts.push(`${n} ${unit}`);
    else if (parts.length) break;
  }
  return parts.join(" ") || "0 s";
}

export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? "–" : `${trim((share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0))} %`;

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${trim((value / 1024).toPrecision(3))} kB`;
  if (value < 1024 ** 3) return `${trim((value / 1024 ** 2).toPrecision(3))} MB`;
  return `${trim((value / 1024 ** 3).toPrecision(3))} GB`;
}
