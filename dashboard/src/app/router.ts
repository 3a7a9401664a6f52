import { useEffect, useState } from "preact/hooks";

export interface Place {
  path: string;
  query: URLSearchParams;
}

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });
const watchers = new Set<() => void>();

function tell(): void {
  for (const watcher of [...watchers]) watcher();
}

addEventListener("popstate", tell);

/** Go to `url` (of this site); `replace` leaves no trace in the history. */
export function go(url: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", url);
  tell();
  if (!replace) scrollTo(0, 0);
}

export function usePlace(): Place {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const update = () => setPlace(here());
    watchers.add(update);
    return () => void watchers.delete(update);
  }, []);
  return place;
}

/** One filter that lives in the URL. Setting it to "" takes it out; another filter begins at the first page again. */
export function useFilter(name: string, fallback = ""): [string, (value: string) => void] {
  const { query } = usePlace();
  const set = (value: string) => {
    const next = new URLSearchParams(location.search);
    if (value && value !== fallback) next.set(name, value);
    else next.delete(name);
    if (name !== "cursor") next.delete("cursor");
    const search = next.toString();
    go(location.pathname + (search ? `?${search}` : ""), true);
  };
  return [query.get(name) ?? fallback, set];
}

/** `pattern` ("/providers/:id") against `path`: the parameters, or null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, word] of wanted.entries()) {
    const segment = given[i] ?? "";
    if (word.startsWith(":")) params[word.slice(1)] = decodeURIComponent(segment);
    else if (word !== segment) return null;
  }
  return params;
}

/** Plain clicks on links of this site change the page without loading it anew. */
export function takeOverLinks(): void {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.getAttribute("href")?.startsWith("#")) return; // a place within the page
    if (link.pathname.startsWith("/api/") || link.pathname.startsWith("/v1")) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
