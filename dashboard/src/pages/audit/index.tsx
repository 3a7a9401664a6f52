import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { AuditRow } from "../../api/types";
import { Button, Time } from "../../ui/basics";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";

const COLUMNS: Column<AuditRow>[] = [
  { title: "When", cell: (row) => <Time at={row.at} />, value: (row) => new Date(row.at * 1000).toISOString() },
  { title: "Who", cell: (row) => row.actor, value: (row) => row.actor },
  { title: "What", cell: (row) => <code>{row.action}</code>, value: (row) => row.action },
  { title: "On", cell: (row) => <span class="mono">{row.target}</span>, value: (row) => row.target },
  { title: "Details", cell: (row) => <span class="mono quiet">{Object.keys(row.detail).length ? JSON.stringify(row.detail) : ""}</span>, value: (row) => JSON.stringify(row.detail) },
];

function Audit() {
  const [cursor, setCursor] = useFilter("cursor");
  const entries = useResource(withQuery("/api/compliance/audit-log", { limit: 50, cursor }));
  return (
    <>
      <PageHead title="Audit" about="Every change of the configuration: who made it and when." />
      <Card wide actions={entries.data && <Export name="omniroute-audit" rows={entries.data.data} columns={COLUMNS} />}>
        <Loaded of={entries} isEmpty={({ data }) => data.length === 0} empty={<p>Nothing has been changed yet.</p>}>
          {({ data, next_cursor: next }) => (
            <>
              <Table label="Changes" rows={data} columns={COLUMNS} rowKey={(row) => String(row.id)} />
              <div class="row">
                {cursor && <Button onClick={() => setCursor("")}>Newest</Button>}
                {next && <Button onClick={() => setCursor(next)}>Older</Button>}
              </div>
            </>
          )}
        </Loaded>
      </Card>
    </>
  );
}

export const page: Page = { path: "/audit", title: "Audit", group: "System", order: 90, icon: "☰", words: "changes compliance who", component: Audit };
