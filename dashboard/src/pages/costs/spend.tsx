import { useFilter } from "../../app/router";
import { type Listing, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import { SelectField } from "../../ui/basics";
import { Chart } from "../../ui/chart";
import { count, money } from "../../ui/format";
import { Card, Loaded } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";

const BY = [
  ["provider", "Provider"],
  ["model", "Model"],
  ["key_id", "API key"],
  ["account_id", "Account"],
  ["combo", "Combo"],
] as const;

const NAMED: Record<string, string> = { key_id: "/api/keys?all=true", account_id: "/api/providers" };
const added = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

interface Row {
  group: string | null;
  name: string;
  requests: number;
  cost: number;
  saved: number;
}

/** Money by day or hour, and by whom. */
export function Spend({ since, daily }: { since: number; daily: boolean }) {
  const [by, setBy] = useFilter("by", "provider");
  const group = BY.some(([name]) => name === by) ? by : "provider";
  const title = BY.find(([name]) => name === group)?.[1] ?? "";
  const found = useResource(withQuery("/api/usage/series", { since, step: daily ? "day" : "hour", group_by: group, top: 5 }), { every: 60_000, on: ["usage"], apart: 15_000 });
  const named = useResource<Listing<{ id: string; name: string }>>(NAMED[group] ?? null);
  const names = new Map(named.data?.data.map((one) => [one.id, one.name]));
  const nameOf = (id: string | null) => (id === null ? "none" : (names.get(id) ?? id));
  const when = (at: number) => (daily ? new Date(at * 1000).toLocaleDateString() : new Date(at * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" }));
  const columns: Column<Row>[] = [
    { title, cell: (row) => (row.group === null || row.group === "other" ? row.name : <a href={withQuery("/logs", { [group]: row.group, since })}>{row.name}</a>), value: (row) => row.name },
    { title: "Requests", number: true, cell: (row) => count(row.requests), value: (row) => row.requests },
    { title: "Billed", number: true, cell: (row) => money(row.cost), value: (row) => row.cost },
    { title: "Saved by plans", number: true, cell: (row) => money(row.saved), value: (row) => row.saved },
  ];
  const rows: Row[] = (found.data?.series ?? [])
    .map((one) => ({ group: one.group, name: nameOf(one.group), requests: added(one.requests), cost: added(one.cost_usd), saved: added(one.shadow_cost_usd) }))
    .sort((a, b) => b.cost - a.cost || b.saved - a.saved);
  return (
    <Card
      title="Spent"
      wide
      actions={
        <>
          <SelectField label="By" value={group} onText={setBy} options={BY} />
          <Export name={`omniroute-costs-by-${group}`} rows={rows} columns={columns} />
        </>
      }
    >
      <Loaded of={found} isEmpty={({ series }) => series.length === 0} empty={<p>Nothing was spent in this time.</p>}>
        {({ buckets, series }) => (
          <div class="stack">
            <Chart label="Billed" at={buckets} when={when} write={money} series={series.map((one) => ({ label: nameOf(one.group), values: one.cost_usd }))} />
            <Table label={`Costs by ${title.toLowerCase()}`} rows={rows} columns={columns} rowKey={(row) => row.group ?? ""} />
          </div>
        )}
      </Loaded>
    </Card>
  );
}
