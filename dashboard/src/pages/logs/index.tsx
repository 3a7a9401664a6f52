import { useState } from "preact/hooks";
import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { type Listing, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Try } from "../../api/types";
import { Badge, Button, SelectField, TextField, Time, Toggle } from "../../ui/basics";
import { count, money, span } from "../../ui/format";
import { Outcome } from "../../ui/outcome";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";
import { Capture } from "./capture";
import { Request } from "./request";

/** `onOpen` shows the request with all its tries. */
const columns = (onOpen: (row: Try) => void): Column<Try>[] => [
  { title: "When", cell: (row) => <Time at={row.started_at} />, value: (row) => new Date(row.started_at * 1000).toISOString() },
  { title: "Model", cell: (row) => <span class="mono">{`${row.provider}/${row.model}`}</span>, value: (row) => `${row.provider}/${row.model}` },
  {
    title: "Result",
    cell: (row) => (
      <span class="row">
        <Outcome of={row} />
        {row.fallback && <Badge tone="info">fallback</Badge>}
        {row.error_kind && <span class="quiet">{row.error_kind}</span>}
      </span>
    ),
    value: (row) => `${row.outcome} ${row.status}`,
  },
  { title: "First token", number: true, cell: (row) => span(row.ttft_ms), value: (row) => row.ttft_ms },
  { title: "Total", number: true, cell: (row) => span(row.total_ms), value: (row) => row.total_ms },
  { title: "In", number: true, cell: (row) => count(row.input_tokens), value: (row) => row.input_tokens },
  { title: "Cached", number: true, cell: (row) => count(row.cached_tokens), value: (row) => row.cached_tokens },
  { title: "Out", number: true, cell: (row) => `${row.estimated ? "~" : ""}${count(row.output_tokens)}`, value: (row) => row.output_tokens },
  { title: "Cost", number: true, cell: (row) => money(row.cost_usd), value: (row) => row.cost_usd },
  {
    title: "Request",
    cell: (row) => (
      <button type="button" class="as-link clip" aria-label={`Open request ${row.request_id}`} onClick={() => onOpen(row)}>
        {row.request_id}
      </button>
    ),
    value: (row) => row.request_id,
  },
];

/** A filter by what has a name and an id. */
function Known({ label, path, value, onText }: { label: string; path: string; value: string; onText: (value: string) => void }) {
  const { data } = useResource<Listing<{ id: string; name: string; provider?: string }>>(path);
  const found = data?.data.map((one) => [one.id, one.provider ? `${one.name} (${one.provider})` : one.name] as const) ?? [];
  const gone = value && !found.some(([id]) => id === value) ? [[value, value] as const] : [];
  return <SelectField label={label} value={value} onText={onText} options={[["", "All"], ...gone, ...found]} />;
}

function Logs() {
  const [outcome, setOutcome] = useFilter("outcome");
  const [provider, setProvider] = useFilter("provider");
  const [model, setModel] = useFilter("model");
  const [session, setSession] = useFilter("session_id");
  const [account, setAccount] = useFilter("account_id");
  const [key, setKey] = useFilter("key_id");
  const [combo, setCombo] = useFilter("combo");
  const [status, setStatus] = useFilter("status");
  const [format, setFormat] = useFilter("client_format");
  const [since, setSince] = useFilter("since");
  const [cursor, setCursor] = useFilter("cursor");
  const [live, setLive] = useState(true);
  const [open, setOpen] = useState<Try | null>(null);
  const query = { limit: 50, outcome, provider, model, session_id: session, account_id: account, key_id: key, combo, status: /^\d+$/.test(status) ? status : "", client_format: format, since, cursor };
  // What other pages link to by, and nobody types.
  const linked = [
    ["Since", since && new Date(Number(since) * 1000).toLocaleString(), setSince],
    ["Combo", combo, setCombo],
    ["Format", format, setFormat],
  ] as const;
  const tries = useResource(withQuery("/api/usage/history", { ...query }), live && !cursor ? { every: 3000, on: ["usage"] } : undefined);
  return (
    <>
      <PageHead title="Logs" about="One row for each try. Several rows of one request mean that it fell back.">
        <Toggle label="Live" checked={live} onToggle={setLive} />
        <Capture />
        {tries.data && <Export name="omniroute-requests" rows={tries.data.data} columns={columns(setOpen)} />}
      </PageHead>
      <Card wide>
        <div class="stack">
          <div class="filters">
            <SelectField
              label="Result"
              value={outcome}
              onText={setOutcome}
              options={[
                ["", "All"],
                ["ok", "ok"],
                ["error", "error"],
                ["truncated", "cut off"],
                ["aborted", "client left"],
                ["open", "running"],
              ]}
            />
            <TextField label="Provider" type="search" value={provider} onText={setProvider} />
            <TextField label="Model" type="search" value={model} onText={setModel} />
            <TextField label="Session" type="search" value={session} onText={setSession} />
            <Known label="Account" path="/api/providers" value={account} onText={setAccount} />
            <Known label="API key" path="/api/keys" value={key} onText={setKey} />
            <TextField label="Status" type="search" placeholder="429" value={status} onText={setStatus} />
            {linked.map(
              ([name, value, set]) =>
                value && (
                  <Button key={name} title="Take this filter away" onClick={() => set("")}>
                    {name}: {value} <span aria-hidden="true">✕</span>
                  </Button>
                ),
            )}
          </div>
          <Loaded of={tries} isEmpty={({ data }) => data.length === 0} empty={<p>No request fits. Send one, or take a filter away.</p>}>
            {({ data, next_cursor: next }) => (
              <>
                <Table label="Tries" rows={data} columns={columns(setOpen)} rowKey={(row) => String(row.id)} onRow={setOpen} />
                <div class="row">
                  {cursor && <Button onClick={() => setCursor("")}>Newest</Button>}
                  {next && <Button onClick={() => setCursor(next)}>Older</Button>}
                </div>
              </>
            )}
          </Loaded>
        </div>
      </Card>
      {open && <Request id={open.request_id} onClose={() => setOpen(null)} />}
    </>
  );
}

export const page: Page = { path: "/logs", title: "Logs", group: "Usage", order: 40, icon: "≡", words: "requests live history errors", component: Logs };
