import { type Listing, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Try } from "../../api/types";
import { Copy, Dialog, Time } from "../../ui/basics";
import { bytes, count, money, span } from "../../ui/format";
import { Outcome } from "../../ui/outcome";
import { Loaded } from "../../ui/states";

/** One try as a bar: waited, until the first token, streamed. The longest try fills the width. */
function Waterfall({ of, longest }: { of: Try; longest: number }) {
  const first = Math.min(of.ttft_ms ?? of.total_ms, of.total_ms);
  const share = (ms: number) => (longest > 0 ? (ms / longest) * 100 : 0);
  return (
    <svg class="waterfall" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`First token after ${span(of.ttft_ms)}, done after ${span(of.total_ms)}`}>
      <rect class="waited" x="0" y="0" width={share(first)} height="6" />
      <rect class="streamed" x={share(first)} y="0" width={share(of.total_ms - first)} height="6" />
    </svg>
  );
}

/** A request with all its tries. */
export function Request({ id, onClose }: { id: string; onClose: () => void }) {
  const tries = useResource<Listing<Try>>(withQuery("/api/usage/history", { request_id: id, limit: 100 }));
  return (
    <Dialog title="Request" onClose={onClose}>
      <p class="row">
        <span class="mono">{id}</span> <Copy text={id} label="Copy id" />
      </p>
      <Loaded of={tries}>
        {({ data }) => {
          const rows = [...data].sort((a, b) => a.attempt - b.attempt);
          const longest = Math.max(...rows.map((row) => row.total_ms), 0);
          return (
            <ol class="stack tries">
              {rows.map((row) => (
                <li key={row.id} class="stack">
                  <div class="row spread">
                    <strong class="mono">{`${row.provider}/${row.model}`}</strong> <Outcome of={row} />
                  </div>
                  <Waterfall of={row} longest={longest} />
                  <p class="quiet">
                    <Time at={row.started_at} /> · {row.client_format} → {row.upstream_format}
                    {row.stream ? ", streamed" : ""} · {row.decision}
                    {row.combo && ` · combo ${row.combo}`}
                  </p>
                  <p class="quiet">
                    First token {span(row.ttft_ms)}, total {span(row.total_ms)} · {count(row.input_tokens)} in ({count(row.cached_tokens)} cached), {row.estimated && "about "}
                    {count(row.output_tokens)} out · {money(row.cost_usd)} · {bytes(row.bytes_in)} up, {bytes(row.bytes_out)} down
                  </p>
                  {row.error_kind && <p class="error">{row.error_kind}</p>}
                </li>
              ))}
            </ol>
          );
        }}
      </Loaded>
    </Dialog>
  );
}
