import { useState } from "preact/hooks";
import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { type Listing, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Totals } from "../../api/types";
import { Button, SelectField, TextField } from "../../ui/basics";
import { count, money, percent } from "../../ui/format";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";
import { beginning, RANGES } from "../analytics/time";
import { SessionPage } from "./session";

const STEP = 50;
const SORTS = {
  cost: ["Cost", (row: Totals) => row.cost_usd + row.shadow_cost_usd],
  requests: ["Requests", (row: Totals) => row.requests],
  tokens: ["Tokens", (row: Totals) => row.input_tokens + row.output_tokens],
  errors: ["Failed tries", (row: Totals) => row.errors],
} as const;

const COLUMNS: Column<Totals>[] = [
  { title: "Session", cell: (row) => <a class="mono" href={`/sessions/${encodeURIComponent(row.group ?? "")}`}>{row.group}</a>, value: (row) => row.group },
  { title: "Requests", number: true, cell: (row) => count(row.requests), value: (row) => row.requests },
  { title: "Failed tries", number: true, cell: (row) => count(row.errors), value: (row) => row.errors },
  { title: "In", number: true, cell: (row) => count(row.input_tokens), value: (row) => row.input_tokens },
  { title: "From the cache", number: true, cell: (row) => (row.input_tokens ? percent(row.cached_tokens / row.input_tokens) : "–"), value: (row) => row.cached_tokens },
  { title: "Out", number: true, cell: (row) => count(row.output_tokens), value: (row) => row.output_tokens },
  { title: "Billed", number: true, cell: (row) => money(row.cost_usd), value: (row) => row.cost_usd },
  { title: "Covered by plans", number: true, cell: (row) => money(row.shadow_cost_usd), value: (row) => row.shadow_cost_usd },
];

function Sessions() {
  const [range, setRange] = useFilter("range", "7");
  const [sort, setSort] = useFilter("sort", "cost");
  const [search, setSearch] = useFilter("q");
  const [shown, setShown] = useState(STEP);
  const days = RANGES.some(([value]) => value === range) ? Number(range) : 7;
  const totals = useResource<Listing<Totals>>(withQuery("/api/usage/totals", { since: beginning(days), group_by: "session_id" }), 30_000);
  const [, weigh] = SORTS[sort in SORTS ? (sort as keyof typeof SORTS) : "cost"];
  const found = (totals.data?.data ?? [])
    .filter((row) => row.group?.toLowerCase().includes(search.toLowerCase()))
    .sort((a, b) => weigh(b) - weigh(a));
  return (
    <>
      <PageHead title="Sessions" about="Conversations, by the id that the client sends with them.">
        {found.length > 0 && <Export name="omniroute-sessions" rows={found} columns={COLUMNS} />}
      </PageHead>
      <Card wide>
        <div class="stack">
          <div class="filters">
            <SelectField label="Time" value={String(days)} onText={setRange} options={RANGES} />
            <SelectField label="Most first by" value={sort} onText={setSort} options={Object.entries(SORTS).map(([name, [title]]) => [name, title] as const)} />
            <TextField label="Search" type="search" value={search} onText={setSearch} placeholder="Part of the id" />
          </div>
          <Loaded of={totals} isEmpty={() => found.length === 0} empty={<p>{search ? "No session of this time is called that." : "No request of this time named its session."}</p>}>
            {() => (
              <>
                <Table label="Sessions" rows={found.slice(0, shown)} columns={COLUMNS} rowKey={(row) => row.group ?? ""} />
                {found.length > shown && (
                  <p class="row">
                    <Button onClick={() => setShown(shown + STEP)}>More</Button>
                    <span class="quiet">
                      {shown} of {found.length}
                    </span>
                  </p>
                )}
              </>
            )}
          </Loaded>
        </div>
      </Card>
    </>
  );
}

export const pages: Page[] = [
  { path: "/sessions", title: "Sessions", group: "Usage", order: 41, icon: "◫", words: "conversation agent turns", component: Sessions },
  { path: "/sessions/:id", title: "Session", order: 43, component: SessionPage },
];
