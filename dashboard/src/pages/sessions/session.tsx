import { useState } from "preact/hooks";
import { useFilter } from "../../app/router";
import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Totals, Try } from "../../api/types";
import { Button, Copy, SelectField, Time } from "../../ui/basics";
import { count, money, percent, span } from "../../ui/format";
import { Outcome } from "../../ui/outcome";
import { Card, Figure, Loaded, PageHead } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Request } from "../logs/request";

const AGENTS: Column<Totals>[] = [
  { title: "Agent", cell: (row) => row.group ?? <span class="quiet">the main one</span>, value: (row) => row.group },
  { title: "Requests", number: true, cell: (row) => count(row.requests), value: (row) => row.requests },
  { title: "In", number: true, cell: (row) => count(row.input_tokens), value: (row) => row.input_tokens },
  { title: "From the cache", number: true, cell: (row) => (row.input_tokens ? percent(row.cached_tokens / row.input_tokens) : "–"), value: (row) => row.cached_tokens },
  { title: "Out", number: true, cell: (row) => count(row.output_tokens), value: (row) => row.output_tokens },
  { title: "Billed", number: true, cell: (row) => money(row.cost_usd), value: (row) => row.cost_usd },
];

function columns(onOpen: (one: Try) => void): Column<Try>[] {
  return [
    {
      title: "When",
      cell: (row) => (
        <button type="button" class="as-link" onClick={() => onOpen(row)}>
          <Time at={row.started_at} />
        </button>
      ),
      value: (row) => new Date(row.started_at * 1000).toISOString(),
    },
    { title: "Agent", cell: (row) => row.agent_id ?? "" },
    { title: "Model", cell: (row) => <span class="mono">{`${row.provider}/${row.model}`}</span>, value: (row) => `${row.provider}/${row.model}` },
    { title: "Result", cell: (row) => <Outcome of={row} />, value: (row) => row.outcome },
    { title: "First token", number: true, cell: (row) => span(row.ttft_ms), value: (row) => row.ttft_ms },
    { title: "In", number: true, cell: (row) => count(row.input_tokens), value: (row) => row.input_tokens },
    { title: "From the cache", number: true, cell: (row) => (row.input_tokens ? percent(row.cached_tokens / row.input_tokens) : "–"), value: (row) => row.cached_tokens },
    { title: "Out", number: true, cell: (row) => count(row.output_tokens), value: (row) => row.output_tokens },
    { title: "Cost", number: true, cell: (row) => money(row.cost_usd), value: (row) => row.cost_usd },
  ];
}

/** One conversation: its agents, its models, its requests. */
export function SessionPage({ params }: { params: Record<string, string> }) {
  const id = params.id ?? "";
  const [agent, setAgent] = useFilter("agent_id");
  const [cursor, setCursor] = useFilter("cursor");
  const [open, setOpen] = useState<Try | null>(null);
  const sums = useResource(withQuery("/api/usage/totals", { session_id: id }));
  const agents = useResource(withQuery("/api/usage/totals", { session_id: id, group_by: "agent_id" }));
  const tries = useResource(withQuery("/api/usage/history", { session_id: id, agent_id: agent, limit: 100, cursor }));
  const named = agents.data?.data.flatMap((row) => (row.group === null ? [] : [row.group])) ?? [];
  return (
    <>
      <PageHead title="Session" about={<span class="mono">{id}</span>}>
        <Copy text={id} label="Copy id" />
        <a class="button" href={withQuery("/logs", { session_id: id })}>
          In the logs
        </a>
      </PageHead>
      <Loaded of={sums}>
        {({ data: [sum] }) =>
          sum && (
            <div class="figures">
              <Figure label="Requests" value={count(sum.requests)} note={sum.attempts > sum.requests ? `${sum.attempts} tries` : undefined} />
              <Figure label="Tokens in" value={count(sum.input_tokens)} note={sum.input_tokens ? `${percent(sum.cached_tokens / sum.input_tokens)} from the prompt cache` : undefined} />
              <Figure label="Tokens out" value={count(sum.output_tokens)} />
              <Figure label="Billed" value={money(sum.cost_usd)} note={sum.unpriced ? `${sum.unpriced} of unknown price` : undefined} />
              <Figure label="Covered by plans" value={money(sum.shadow_cost_usd)} />
            </div>
          )
        }
      </Loaded>
      {named.length > 0 && agents.data && (
        <Card title="Agents" wide>
          <Table label="Agents" rows={agents.data.data} columns={AGENTS} file="omniroute-agents" rowKey={(row) => row.group ?? ""} />
        </Card>
      )}
      <Card title="Requests" wide actions={named.length > 0 && <SelectField label="Agent" value={agent} onText={setAgent} options={[["", "All"], ...named.map((name) => [name, name] as const)]} />}>
        <Loaded of={tries} isEmpty={({ data }) => data.length === 0} empty={<p>No request of this session is in the ledger.</p>}>
          {({ data, next_cursor: next }) => (
            <>
              <Table label="Requests" rows={data} columns={columns(setOpen)} file="omniroute-session" rowKey={(row) => String(row.id)} />
              <div class="row">
                {cursor && <Button onClick={() => setCursor("")}>Newest</Button>}
                {next && <Button onClick={() => setCursor(next)}>Older</Button>}
              </div>
            </>
          )}
        </Loaded>
      </Card>
      {open && <Request id={open.request_id} onClose={() => setOpen(null)} />}
    </>
  );
}
