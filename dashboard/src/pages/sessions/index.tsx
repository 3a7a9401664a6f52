import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Session } from "../../api/types";
import { Button, TextField, Time } from "../../ui/basics";
import { count, money, percent } from "../../ui/format";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";
import { SessionPage } from "./session";

const COLUMNS: Column<Session>[] = [
  { title: "Session", cell: (row) => <a class="mono" href={`/sessions/${encodeURIComponent(row.session_id)}`}>{row.session_id}</a>, value: (row) => row.session_id },
  { title: "Last", cell: (row) => <Time at={row.last_at} ago />, value: (row) => new Date(row.last_at * 1000).toISOString() },
  { title: "Requests", number: true, cell: (row) => count(row.requests), value: (row) => row.requests },
  { title: "Failed tries", number: true, cell: (row) => count(row.errors), value: (row) => row.errors },
  { title: "In", number: true, cell: (row) => count(row.input_tokens), value: (row) => row.input_tokens },
  { title: "From the cache", number: true, cell: (row) => (row.input_tokens ? percent(row.cache_hit) : "–"), value: (row) => row.cached_tokens },
  { title: "Out", number: true, cell: (row) => count(row.output_tokens), value: (row) => row.output_tokens },
  { title: "Billed", number: true, cell: (row) => money(row.cost_usd), value: (row) => row.cost_usd },
  { title: "Covered by plans", number: true, cell: (row) => money(row.shadow_cost_usd), value: (row) => row.shadow_cost_usd },
];

function Sessions() {
  const [search, setSearch] = useFilter("q");
  const [cursor, setCursor] = useFilter("cursor");
  const sessions = useResource(withQuery("/api/usage/sessions", { limit: 50, cursor }), cursor ? undefined : { every: 30_000, on: ["usage"], apart: 10_000 });
  const found = (sessions.data?.data ?? []).filter((row) => row.session_id.toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <PageHead title="Sessions" about="Conversations, by the id that the client sends with them, the last used first.">
        {found.length > 0 && <Export name="omniroute-sessions" rows={found} columns={COLUMNS} />}
      </PageHead>
      <Card wide>
        <div class="stack">
          <div class="filters">
            <TextField label="Among these" type="search" value={search} onText={setSearch} placeholder="Part of the id" />
          </div>
          <Loaded of={sessions} isEmpty={() => found.length === 0 && !cursor} empty={<p>{search ? "None of the latest sessions is called that." : "No request has named its session yet."}</p>}>
            {({ next_cursor: next }) => (
              <>
                <Table label="Sessions" rows={found} columns={COLUMNS} rowKey={(row) => row.session_id} />
                <div class="row">
                  {cursor && <Button onClick={() => setCursor("")}>Newest</Button>}
                  {next && <Button onClick={() => setCursor(next)}>Older</Button>}
                </div>
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
