import { Badge, Time } from "../../ui/basics";
import { count, lasting, percent } from "../../ui/format";
import type { QuotaWindow } from "../../api/types";

const STATES = { open: ["good", "open"], reserve: ["warn", "only the reserve is left"], exhausted: ["bad", "used up"] } as const;
const SOURCES = { header: "Told by the provider", endpoint: "Asked of the provider", counted: "Counted here" } as const;
const NAMES: Record<string, string> = { "5h": "5 hours", daily: "Day", weekly: "Week", monthly: "Month", rolling: "Rolling", credits: "Credits" };

/** Ahead of or behind an even use of the window, in words. */
function paceOf(window: QuotaWindow, now: number): string {
  if (window.state === "exhausted") return "Nothing is left until then.";
  if (window.expected === null) return "";
  if (window.exhausts_at !== null && window.exhausts_at > now) return `At this pace it runs out in ${lasting(window.exhausts_at - now)}.`;
  const ahead = window.used - window.expected;
  if (Math.abs(ahead) < 0.02) return "Just at the pace that fits.";
  return ahead > 0 ? `${percent(ahead)} ahead of an even use.` : `${percent(-ahead)} behind an even use${window.surplus ? `; ${percent(window.surplus)} would expire unused` : ""}.`;
}

/** One window: how much is used, where an even use would stand by now, and when it starts over. */
export function WindowBar({ window, reserve, now }: { window: QuotaWindow; reserve: number; now: number }) {
  const used = Math.min(1, Math.max(0, window.used));
  const [tone, word] = STATES[window.state];
  const name = NAMES[window.name] ?? window.name;
  const left = window.resets_at === null ? null : window.resets_at - now;
  const said = `${name}: ${percent(window.used)} used${window.expected === null ? "" : `, ${percent(window.expected)} expected by now`}`;
  return (
    <li class="stack window">
      <div class="row spread">
        <h3>
          {name}
          {window.model && <span class="mono quiet"> {window.model}</span>}
        </h3>
        <Badge tone={tone}>{word}</Badge>
      </div>
      <svg class={`quota ${tone}`} viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label={said}>
        <rect class="track" x="0" y="2" width="100" height="8" />
        {reserve > 0 && <rect class="reserve" x={(1 - reserve) * 100} y="2" width={reserve * 100} height="8" />}
        <rect class="used" x="0" y="2" width={used * 100} height="8" />
        {window.expected !== null && <rect class="tick" x={Math.min(99.4, window.expected * 100)} y="0" width="0.6" height="12" />}
      </svg>
      <p class="row spread">
        <span>
          <strong>{percent(window.used)}</strong> used
          {window.limit !== null && window.used_units !== null && ` · ${count(window.used_units)} of ${count(window.limit)}`}
          {window.expected !== null && <span class="quiet"> · {percent(window.expected)} expected by now</span>}
        </span>
        <span title={window.resets_at === null ? "" : new Date(window.resets_at * 1000).toLocaleString()}>{left === null ? <span class="quiet">reset not known</span> : left > 0 ? `starts over in ${lasting(left)}` : "starts over now"}</span>
      </p>
      <p class="quiet">
        {paceOf(window, now)} {SOURCES[window.source]}, <Time at={window.seen_at} ago />
      </p>
    </li>
  );
}
