import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Try } from "../../api/types";
import { Copy, Dialog, Time } from "../../ui/basics";
import { bytes, count, money, span } from "../../ui/format";
import { Outcome } from "../../ui/outcome";
import { Loaded } from "../../ui/states";
import { Payload } from "./payload";

const STAGES = [
  ["queued", "queued"],
  ["connected", "connecting"],
  ["waited", "until the first token"],
  ["streamed", "streaming"],
] as const;

/** How long each stage of a try took, in milliseconds. */
function stagesOf(row: Try): number[] {
  const first = Math.min(row.ttft_ms ?? row.total_ms, row.total_ms);
  const queue = Math.min(row.queue_ms ?? 0, first);
  const connect = Math.min(row.connect_ms ?? 0, first - queue);
  return [queue, connect, first - queue - connect, row.total_ms - first];
}

/** One try as a bar of its stages. `begin` is where it starts and `whole` the length of the request, in milliseconds. */
function Waterfall({ of, begin, whole }: { of: Try; begin: number; whole: number }) {
  const share = (ms: number) => (whole > 0 ? (ms / whole) * 100 : 0);
  const stages = stagesOf(of);
  const told = STAGES.flatMap(([, word], i) => (stages[i] ? [`${word} ${span(stages[i])}`] : [])).join(", ");
  let at = begin;
  return (
    <svg class="waterfall" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={told || "no time was measured"}>
      {STAGES.map(([name], i) => {
        const ms = stages[i] ?? 0;
        const bar = <rect key={name} class={name} x={share(at)} y="0" width={share(ms)} height="6" />;
        at += ms;
        return bar;
      })}
    </svg>
  );
}

/** A request with all its tries. */
export function Request({ id, onClose }: { id: string; onClose: () => void }) {
  const tries = useResource(withQuery("/api/usage/history", { request_id: id, limit: 100 }));
  return (
    <Dialog title="Request" onClose={onClose}>
      <p class="row">
        <span class="mono">{id}</span> <Copy text={id} label="Copy id" />
      </p>
      <Loaded of={tries}>
        {({ data }) => {
          const rows = [...data].sort((a, b) => a.attempt - b.attempt);
          const began = Math.min(...rows.map((row) => row.started_at));
          const beginOf = (row: Try) => (row.started_at - began) * 1000;
          const whole = Math.max(0, ...rows.map((row) => beginOf(row) + row.total_ms));
          return (
            <>
            <p class="row legend" aria-hidden="true">
              {STAGES.map(([name, word]) => (
                <span key={name} class={`key ${name}`}>
                  {word}
                </span>
              ))}
            </p>
            <ol class="stack tries">
              {rows.map((row) => (
                <li key={row.id} class="stack">
                  <div class="row spread">
                    <strong class="mono">{`${row.provider}/${row.model}`}</strong> <Outcome of={row} />
                  </div>
                  <Waterfall of={row} begin={beginOf(row)} whole={whole} />
                  <p class="quiet">
                    <Time at={row.started_at} /> · {row.client_format} → {row.upstream_format}
                    {row.stream ? ", streamed" : ""} · {row.decision}
                    {row.combo && ` · combo ${row.combo}`}
                  </p>
                  <p class="quiet">
                    First token {span(row.ttft_ms)}, total {span(row.total_ms)} · {count(row.input_tokens)} in ({count(row.cached_tokens)} cached), {row.estimated && "about "}
                    {count(row.output_tokens)} out · {money(row.cost_usd)} · {bytes(row.bytes_in)} up, {bytes(row.bytes_out)} down
                  </p>
                  <p class="row">
                    {row.account_id && <a href={`/providers/${encodeURIComponent(row.account_id)}`}>Account</a>}
                    {row.session_id && <a href={`/sessions/${encodeURIComponent(row.session_id)}`}>Session</a>}
                    {row.hedge && <span class="quiet">beside another try</span>}
                    {row.fallback && <span class="quiet">fallback</span>}
                  </p>
                  {row.error_kind && <p class="error">{row.error_kind}</p>}
                </li>
              ))}
            </ol>
            </>
          );
        }}
      </Loaded>
      <Payload id={id} />
    </Dialog>
  );
}
