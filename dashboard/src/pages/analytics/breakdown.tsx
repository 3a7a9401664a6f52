import { useFilter } from "../../app/router";
import { type Listing, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Totals } from "../../api/types";
import { SelectField } from "../../ui/basics";
import { count, money, percent } from "../../ui/format";
import { Card, Loaded } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";

const BY = [
  ["model", "Model"],
  ["provider", "Provider"],
  ["key_id", "API key"],
  ["account_id", "Account"],
  ["combo", "Combo"],
  ["client_format", "Client's format"],
] as const;

/** Names of what the ledger knows by id. */
function useNames(by: string): Map<string, string> {
  const path = by === "key_id" ? "/api/keys" : by === "account_id" ? "/api/providers" : null;
  const named = useResource<Listing<{ id: string; name: string }>>(path);
  return new Map(named.data?.data.map((one) => [one.id, one.name]));
}

/** Who used how much. `query`: the filters of the page. */
export function Breakdown({ query }: { query: Record<string, string | number> }) {
  const [by, setBy] = useFilter("by", "model");
  const group = BY.some(([name]) => name === by) ? by : "model";
  const totals = useResource(withQuery("/api/usage/totals", { ...query, group_by: group }));
  const names = useNames(group);
  const title = BY.find(([name]) => name === group)?.[1] ?? "";
  const all = totals.data?.data.reduce((sum, row) => sum + row.requests, 0) ?? 0;
  const columns: Column<Totals>[] = [
    {
      title,
      cell: (row) => (row.group === null ? <span class="quiet">none</span> : <a href={withQuery("/logs", { [group]: row.group, since: query.since })}>{names.get(row.group) ?? row.group}</a>),
      value: (row) => row.group,
    },
    { title: "Requests", number: true, cell: (row) => count(row.requests), value: (row) => row.requests },
    {
      title: "Share",
      number: true,
      cell: (row) => (
        <span class="share">
          <svg class="quota" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <rect class="track" width="100" height="10" />
            <rect class="used" width={all ? (row.requests / all) * 100 : 0} height="10" />
          </svg>
          {percent(all ? row.requests / all : 0)}
        </span>
      ),
    },
    { title: "Failed tries", number: true, cell: (row) => count(row.errors), value: (row) => row.errors },
    { title: "In", number: true, cell: (row) => count(row.input_tokens), value: (row) => row.input_tokens },
    { title: "Cached", number: true, cell: (row) => (row.input_tokens ? percent(row.cached_tokens / row.input_tokens) : "–"), value: (row) => row.cached_tokens },
    { title: "Out", number: true, cell: (row) => count(row.output_tokens), value: (row) => row.output_tokens },
    { title: "Billed", number: true, cell: (row) => money(row.cost_usd), value: (row) => row.cost_usd },
    { title: "Covered by plans", number: true, cell: (row) => money(row.shadow_cost_usd), value: (row) => row.shadow_cost_usd },
  ];
  return (
    <Card
      title="Who used how much"
      wide
      actions={
        <>
          <SelectField label="By" value={group} onText={setBy} options={BY} />
          {totals.data && <Export name={`omniroute-by-${group}`} rows={totals.data.data} columns={columns} />}
        </>
      }
    >
      <Loaded of={totals} isEmpty={({ data }) => data.length === 0} empty={<p>Nothing was used in this time.</p>}>
        {({ data }) => <Table label={`Usage by ${title.toLowerCase()}`} rows={[...data].sort((a, b) => b.requests - a.requests).slice(0, 100)} columns={columns} rowKey={(row) => row.group ?? ""} />}
      </Loaded>
    </Card>
  );
}
