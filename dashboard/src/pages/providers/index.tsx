import { useState } from "preact/hooks";
import { type Page } from "../../app/pages";
import { go, useFilter } from "../../app/router";
import type { Listing } from "../../api/client";
import { useResource } from "../../api/resource";
import { type Account, type Provider, TIERS } from "../../api/types";
import { Badge, Button, SelectField, TextField } from "../../ui/basics";
import { plural } from "../../ui/format";
import { AccountState } from "../../ui/outcome";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Connect } from "./connect";
import { Detail } from "./detail";

const COLUMNS: Column<Account>[] = [
  {
    title: "Account",
    cell: (row) => (
      <>
        <a href={`/providers/${row.id}`}>{row.name}</a> {row.login?.plan && <span class="quiet">{row.login.plan}</span>}
      </>
    ),
  },
  { title: "Provider", cell: (row) => row.provider_name },
  { title: "Models as", cell: (row) => <code>{row.prefix}/…</code> },
  { title: "Tier", cell: (row) => (row.tier ? TIERS[row.tier] : "–") },
  { title: "Priority", number: true, cell: (row) => row.priority },
  { title: "From", cell: (row) => row.source },
  { title: "State", cell: (row) => <AccountState of={row} /> },
];

function Tile({ provider, onConnect }: { provider: Provider; onConnect: () => void }) {
  return (
    <article class="card stack">
      <div class="row spread">
        <h3>{provider.name}</h3>
        {provider.state === "connected" ? <Badge tone="good">connected</Badge> : provider.state === "not supported" && <Badge tone="warn">not yet</Badge>}
      </div>
      <p class="quiet">
        <code>{provider.prefix}/…</code> · {provider.models ? plural(provider.models, "model") : "any model"} · {TIERS[provider.tier]}
      </p>
      <div class="row">
        <Button onClick={onConnect} disabled={provider.state === "not supported"}>
          {provider.accounts ? "Add account" : "Connect"}
        </Button>
        {provider.website && (
          <a href={provider.website} target="_blank" rel="noreferrer">
            Website
          </a>
        )}
      </div>
    </article>
  );
}

function Catalogue({ onConnect }: { onConnect: (provider: Provider) => void }) {
  const catalogue = useResource<Listing<Provider>>("/api/providers/catalogue");
  const [search, setSearch] = useFilter("q");
  const [tier, setTier] = useFilter("tier");
  return (
    <Card title="All providers" wide>
      <div class="stack">
        <div class="filters">
          <TextField label="Search" type="search" value={search} onText={setSearch} placeholder="Name or prefix" />
          <SelectField label="Tier" value={tier} onText={setTier} options={[["", "All tiers"], ...Object.entries(TIERS)]} />
        </div>
        <Loaded of={catalogue}>
          {({ data }) => {
            const words = search.toLowerCase();
            const found = data.filter((p) => (!tier || p.tier === tier) && `${p.name} ${p.id} ${p.prefix}`.toLowerCase().includes(words));
            if (found.length === 0)
              return (
                <p class="empty">
                  <span>
                    No provider is called that. Other services that speak a known format can be added as a <a href="/nodes">custom node</a>.
                  </span>
                </p>
              );
            return (
              <div class="grid">
                {found.map((provider) => (
                  <Tile key={provider.id} provider={provider} onConnect={() => onConnect(provider)} />
                ))}
              </div>
            );
          }}
        </Loaded>
      </div>
    </Card>
  );
}

function Providers() {
  const accounts = useResource<Listing<Account>>("/api/providers");
  const [chosen, setChosen] = useState<Provider | null>(null);
  return (
    <>
      <PageHead title="Providers" about="Accounts that pay for requests, and everything that can be connected." />
      <Card title="Accounts" wide>
        <Loaded of={accounts} isEmpty={({ data }) => data.length === 0} empty={<p>Nothing is connected yet. Choose a provider below.</p>}>
          {({ data }) => <Table label="Accounts" rows={data} columns={COLUMNS} rowKey={(row) => row.id} />}
        </Loaded>
      </Card>
      <Catalogue onConnect={setChosen} />
      {chosen && <Connect provider={chosen} onClose={() => setChosen(null)} onDone={(account) => go(`/providers/${account.id}`)} />}
    </>
  );
}

export const pages: Page[] = [
  { path: "/providers", title: "Providers", group: "Routing", order: 10, icon: "⇄", words: "accounts connect api key test", component: Providers },
  { path: "/providers/:id", title: "Account", order: 11, component: Detail },
];
