import { useState } from "preact/hooks";
import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { useResource } from "../../api/resource";
import { type RoutedProvider, TIERS } from "../../api/types";
import { Button, TextField } from "../../ui/basics";
import { plural } from "../../ui/format";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";
import { RoutingForm } from "./form";

const VALUES: Column<RoutedProvider>[] = [
  { title: "Provider", cell: (row) => row.name, value: (row) => row.name },
  { title: "Tier", cell: (row) => TIERS[row.tier], value: (row) => row.tier },
  { title: "Among its accounts", cell: (row) => row.strategy ?? <span class="quiet">as in the settings</span>, value: (row) => row.strategy },
  { title: "Accounts", cell: (row) => row.accounts.map((account) => (account.tier === row.tier ? account.name : `${account.name} (${TIERS[account.tier]})`)).join(", "), value: (row) => row.accounts.map((account) => account.name).join(", ") },
];

function Routing() {
  const providers = useResource("/api/routing/providers");
  const [search, setSearch] = useFilter("q");
  const [edited, setEdited] = useState<RoutedProvider | null>(null);
  const columns: Column<RoutedProvider>[] = [
    ...VALUES,
    {
      title: "",
      cell: (row) =>
        row.read_only ? (
          <span class="quiet">config file</span>
        ) : (
          <Button aria-label={`Change the routing of ${row.name}`} onClick={() => setEdited(row)}>
            Change
          </Button>
        ),
    },
  ];
  return (
    <>
      <PageHead title="Tiers & strategies" about="Which tier a provider counts for, and how one of its accounts is chosen. Combos decide between providers.">
        {providers.data && <Export name="omniroute-routing" rows={providers.data.data} columns={VALUES} />}
      </PageHead>
      <Card wide>
        <div class="stack">
          <div class="filters">
            <TextField label="Search" type="search" value={search} onText={setSearch} />
          </div>
          <Loaded
            of={providers}
            isEmpty={({ data }) => data.length === 0}
            empty={
              <p>
                No provider is connected. <a href="/providers">Connect one</a>
              </p>
            }
          >
            {({ data }) => {
              const found = data.filter((one) => `${one.name} ${one.id} ${one.accounts.map((account) => account.name).join(" ")}`.toLowerCase().includes(search.toLowerCase()));
              return found.length ? <Table label="Providers" rows={found} columns={columns} rowKey={(row) => row.id} /> : <p class="empty">{`None of ${plural(data.length, "provider")} is called that.`}</p>;
            }}
          </Loaded>
        </div>
      </Card>
      {edited && (
        <RoutingForm
          provider={edited}
          onClose={() => setEdited(null)}
          onDone={() => {
            setEdited(null);
            providers.reload();
          }}
        />
      )}
    </>
  );
}

export const page: Page = { path: "/routing", title: "Tiers & strategies", group: "Routing", order: 15, icon: "⇅", words: "tier strategy provider account priority round robin subscription cheap free", component: Routing };
