import type { Page } from "../../app/pages";
import { useSession } from "../../app/session";
import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Try } from "../../api/types";
import { Badge, Copy, Time } from "../../ui/basics";
import { count, lasting, money, percent, plural, span } from "../../ui/format";
import { Outcome } from "../../ui/outcome";
import { Card, Figure, Loaded, PageHead } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Attention } from "./attention";
import { Running } from "./running";
import { Speed } from "./speed";

const midnight = () => Math.floor(new Date().setHours(0, 0, 0, 0) / 1000);

function Strip() {
  const health = useResource("/api/monitoring/health", { every: 5000, on: ["in_flight"], apart: 2000 });
  return (
    <Loaded of={health}>
      {(data) => (
        <p class="row" role="status">
          <Badge tone={data.draining ? "warn" : "good"}>{data.draining ? "shutting down" : "serving"}</Badge>
          <span>
            {data.in_flight} in flight · up {lasting(data.uptime_seconds)} · {plural(data.providers.connected, "provider")}, {plural(data.accounts, "account")}
          </span>
          {data.recorder.failing_since !== null && <Badge tone="bad">the ledger cannot be written: {data.recorder.last_error}</Badge>}
          {data.recorder.dropped > 0 && <Badge tone="bad">{data.recorder.dropped} ledger rows lost</Badge>}
        </p>
      )}
    </Loaded>
  );
}

function Today() {
  const since = midnight();
  const totals = useResource(withQuery("/api/usage/totals", { since }), { every: 10_000, on: ["usage"], apart: 3000 });
  return (
    <Loaded of={totals}>
      {({ data: [sum] }) =>
        sum && (
          <div class="figures">
            <Figure label="Requests today" value={count(sum.requests)} note={sum.attempts > sum.requests ? `${sum.attempts} tries` : undefined} href={`/logs?since=${since}`} />
            <Figure label="Tokens in" value={count(sum.input_tokens)} note={sum.input_tokens ? `${percent(sum.cached_tokens / sum.input_tokens)} from the prompt cache` : undefined} />
            <Figure label="Tokens out" value={count(sum.output_tokens)} />
            <Figure label="Billed" value={money(sum.cost_usd)} note={sum.unpriced ? `${sum.unpriced} of unknown price` : undefined} href="/costs" />
            <Figure label="Covered by plans" value={money(sum.shadow_cost_usd)} note="list price of what cost nothing" href="/costs" />
            <Figure label="Failed tries" value={count(sum.errors)} href={`/logs?since=${since}&outcome=error`} />
          </div>
        )
      }
    </Loaded>
  );
}

function Endpoint() {
  const { init } = useSession();
  const key = init.api_key_required ? " \\\n  -H 'authorization: Bearer YOUR_KEY'" : "";
  const curl = `curl -N ${init.endpoint}/chat/completions${key} \\\n  -H 'content-type: application/json' \\\n  -d '{"model": "${init.example_model}", "stream": true, "messages": [{"role": "user", "content": "Hello there"}]}'`;
  return (
    <Card title="Endpoint" wide>
      <div class="stack">
        <p class="row">
          <code>{init.endpoint}</code> <Copy text={init.endpoint} label="Copy endpoint" />
        </p>
        <p class="quiet">
          {init.api_key_required ? (
            <>
              Every request needs an API key; <a href="/keys">make one</a>.
            </>
          ) : (
            <>From this machine no API key is needed; any placeholder will do.</>
          )}
        </p>
        <pre tabIndex={0}>{curl}</pre>
        <p>
          <Copy text={curl} label="Copy curl line" />
        </p>
      </div>
    </Card>
  );
}

const COLUMNS: Column<Try>[] = [
  { title: "When", cell: (row) => <Time at={row.started_at} ago />, value: (row) => new Date(row.started_at * 1000).toISOString() },
  { title: "Model", cell: (row) => <span class="mono">{`${row.provider}/${row.model}`}</span>, value: (row) => `${row.provider}/${row.model}` },
  { title: "Result", cell: (row) => <Outcome of={row} />, value: (row) => row.outcome },
  { title: "First token", number: true, cell: (row) => span(row.ttft_ms), value: (row) => row.ttft_ms },
  { title: "Total", number: true, cell: (row) => span(row.total_ms), value: (row) => row.total_ms },
  { title: "In", number: true, cell: (row) => count(row.input_tokens), value: (row) => row.input_tokens },
  { title: "Out", number: true, cell: (row) => count(row.output_tokens), value: (row) => row.output_tokens },
];

function Recent() {
  const recent = useResource(withQuery("/api/usage/history", { limit: 8 }), { every: 5000, on: ["usage"] });
  return (
    <Card title="Latest requests" wide actions={<a href="/logs">All</a>}>
      <Loaded of={recent} isEmpty={({ data }) => data.length === 0} empty={<p>No request has come yet. Try the curl line above.</p>}>
        {({ data }) => <Table label="Latest requests" rows={data} columns={COLUMNS} file="omniroute-latest" rowKey={(row) => String(row.id)} />}
      </Loaded>
    </Card>
  );
}

function Home() {
  return (
    <>
      <PageHead title="Home" />
      <Strip />
      <Today />
      <div class="grid even">
        <Attention />
        <Speed />
      </div>
      <Running />
      <Endpoint />
      <Recent />
    </>
  );
}

export const page: Page = { path: "/", title: "Home", group: "Overview", order: 0, icon: "⌂", words: "overview start endpoint", component: Home };
