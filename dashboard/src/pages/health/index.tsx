import type { Page } from "../../app/pages";
import { useResource } from "../../api/resource";
import type { Health, Latency, Pool } from "../../api/types";
import { Badge } from "../../ui/basics";
import { bytes, count, lasting, span } from "../../ui/format";
import { Card, Figure, Loaded, PageHead } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Obstacles } from "../quotas/obstacles";

const total = (row: Latency) => Object.values(row.outcomes).reduce((sum, n) => sum + n, 0);

const LATENCY: Column<Latency>[] = [
  { title: "Target", cell: (row) => <span class="mono">{`${row.provider}/${row.model}`}</span>, value: (row) => `${row.provider}/${row.model}` },
  { title: "Tries", number: true, cell: (row) => <a href={`/logs?provider=${encodeURIComponent(row.provider)}&model=${encodeURIComponent(row.model)}`}>{count(total(row))}</a>, value: total },
  { title: "Not ok", number: true, cell: (row) => count(total(row) - (row.outcomes.ok ?? 0)), value: (row) => total(row) - (row.outcomes.ok ?? 0) },
  { title: "First token p50", number: true, cell: (row) => span(row.ttft_ms.p50), value: (row) => row.ttft_ms.p50 },
  { title: "First token p95", number: true, cell: (row) => span(row.ttft_ms.p95), value: (row) => row.ttft_ms.p95 },
  { title: "First token p99", number: true, cell: (row) => span(row.ttft_ms.p99), value: (row) => row.ttft_ms.p99 },
  { title: "Total p50", number: true, cell: (row) => span(row.total_ms.p50), value: (row) => row.total_ms.p50 },
  { title: "Total p95", number: true, cell: (row) => span(row.total_ms.p95), value: (row) => row.total_ms.p95 },
  { title: "Total p99", number: true, cell: (row) => span(row.total_ms.p99), value: (row) => row.total_ms.p99 },
];

type Origin = Pool & { wire: string; origin: string };

const POOL: Column<Origin>[] = [
  { title: "Origin", cell: (row) => <span class="mono">{row.origin}</span>, value: (row) => row.origin },
  { title: "Wire", cell: (row) => row.wire },
  { title: "Busy", number: true, cell: (row) => row.busy },
  { title: "Idle", number: true, cell: (row) => row.idle ?? "–" },
  { title: "Open", number: true, cell: (row) => row.open },
];

function Process({ of }: { of: Health }) {
  return (
    <div class="figures">
      <Figure label="Up for" value={lasting(of.uptime_seconds)} note={`Version ${of.version}`} />
      <Figure label="In flight" value={count(of.in_flight)} note={`${of.tasks} tasks`} href="/logs?outcome=open" />
      <Figure label="Memory" value={bytes(of.memory.rss_bytes)} note="resident" />
      <Figure label="Loop lag, p99" value={span(of.loop_lag.p99_ms)} note={`p50 ${span(of.loop_lag.p50_ms)}, most ${span(of.loop_lag.max_ms)}`} />
      <Figure label="GC pause, p99" value={span(of.gc.p99_ms)} note={`${count(of.gc.collections.reduce((sum, n) => sum + n, 0))} runs, most ${span(of.gc.max_ms)}`} />
      <Figure label="Providers" value={of.providers.connected} note={`of ${of.providers.known} known, ${of.accounts} ${of.accounts === 1 ? "account" : "accounts"}`} href="/providers" />
    </div>
  );
}

function Store({ of }: { of: Health }) {
  const { recorder, database } = of;
  const tone = recorder.failing_since !== null || recorder.dropped > 0 ? "bad" : recorder.waiting > recorder.capacity / 2 ? "warn" : "good";
  return (
    <div class="grid even">
      <Card title="Recorder">
        <dl class="facts">
          <dt>State</dt>
          <dd>
            <Badge tone={tone}>{recorder.failing_since !== null ? "cannot write" : recorder.dropped ? "rows lost" : tone === "warn" ? "behind" : "keeps up"}</Badge>
          </dd>
          <dt>Waiting</dt>
          <dd>
            {count(recorder.waiting)} of {count(recorder.capacity)}
          </dd>
          <dt>Written</dt>
          <dd>{count(recorder.written)}</dd>
          <dt>Lost</dt>
          <dd>{count(recorder.dropped)}</dd>
          {recorder.last_error && (
            <>
              <dt>Last error</dt>
              <dd class="error">{recorder.last_error}</dd>
            </>
          )}
        </dl>
      </Card>
      <Card title="Database">
        <dl class="facts">
          <dt>File</dt>
          <dd class="mono">{database.path}</dd>
          <dt>Schema</dt>
          <dd class="mono">{database.schema}</dd>
          <dt>Writes waiting</dt>
          <dd>{count(database.writes_waiting)}</dd>
          <dt>Writes done</dt>
          <dd>{count(database.writes_done)}</dd>
          <dt>Readers idle</dt>
          <dd>
            {database.readers_idle} of {database.readers}
          </dd>
        </dl>
      </Card>
      {of.idempotency && (
        <Card title="Equal requests">
          <dl class="facts">
            <dt>Answers kept</dt>
            <dd>
              {count(of.idempotency.answers)}, {bytes(of.idempotency.bytes)}
            </dd>
            <dt>Given again</dt>
            <dd>{count(of.idempotency.replayed)}</dd>
          </dl>
        </Card>
      )}
    </div>
  );
}

function HealthPage() {
  const health = useResource("/api/monitoring/health", 5000);
  return (
    <>
      <PageHead title="Health" about="The process, its store, and how fast the upstreams answer. Asked anew every five seconds." />
      <Loaded of={health}>
        {(data) => {
          const origins = Object.entries(data.upstream).flatMap(([wire, pool]) => Object.entries(pool.origins ?? {}).map(([origin, one]) => ({ wire, origin, ...one })));
          return (
            <>
              {data.draining && <Badge tone="warn">shutting down</Badge>}
              <Process of={data} />
              <Card title="Latency since the start" wide>
                {data.latency.length ? <Table label="Latency" rows={data.latency} columns={LATENCY} file="omniroute-latency" rowKey={(row) => `${row.provider}/${row.model}`} /> : <p class="empty">No request has been sent since the start.</p>}
              </Card>
              <Card title="Connections to upstreams" wide>
                {origins.length ? <Table label="Connections" rows={origins} columns={POOL} file="omniroute-connections" rowKey={(row) => `${row.wire} ${row.origin}`} /> : <p class="empty">No connection is open.</p>}
              </Card>
              <Store of={data} />
            </>
          );
        }}
      </Loaded>
      <Obstacles />
    </>
  );
}

export const page: Page = { path: "/health", title: "Health", group: "Overview", order: 6, icon: "⊕", words: "uptime memory latency percentiles breakers connections database version", component: HealthPage };
