import { useState } from "preact/hooks";
import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { remove } from "../../api/client";
import { useResource } from "../../api/resource";
import { type Node, TIERS } from "../../api/types";
import { Badge, Button, TextField } from "../../ui/basics";
import { Card, Loaded, PageHead } from "../../ui/states";
import { Ask } from "../../ui/submit";
import { type Column, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";
import { FORMATS, NodeForm } from "./form";

function Nodes() {
  const nodes = useResource("/api/provider-nodes");
  const [search, setSearch] = useFilter("q");
  const [edited, setEdited] = useState<Node | "new" | null>(null);
  const [dropped, setDropped] = useState<Node | null>(null);
  const drop = async (node: Node) => {
    await remove(`/api/provider-nodes/${encodeURIComponent(node.id)}`);
    toast(`${node.name || node.prefix} is removed.`);
    setDropped(null);
    nodes.reload();
  };
  const columns: Column<Node>[] = [
    { title: "Name", cell: (row) => row.name || row.prefix },
    { title: "Models as", cell: (row) => <code>{row.prefix}/…</code> },
    { title: "Speaks", cell: (row) => FORMATS.find(([format]) => format === row.format)?.[1] ?? row.format },
    { title: "Base URL", cell: (row) => <span class="mono">{row.base_url}</span>, value: (row) => row.base_url },
    { title: "Models", cell: (row) => (row.models.includes("*") ? "any" : row.models.join(", ")) },
    { title: "Tier", cell: (row) => TIERS[row.tier] },
    { title: "Key", cell: (row) => (row.has_secret ? <Badge tone="good">set</Badge> : <span class="quiet">none</span>) },
    {
      title: "",
      cell: (row) =>
        row.read_only ? (
          <span class="quiet">config file</span>
        ) : (
          <span class="row">
            <Button aria-label={`Edit node ${row.prefix}`} onClick={() => setEdited(row)}>
              Edit
            </Button>
            <Button kind="danger" aria-label={`Remove node ${row.prefix}`} onClick={() => setDropped(row)}>
              Remove
            </Button>
          </span>
        ),
    },
  ];
  return (
    <>
      <PageHead title="Custom nodes" about="Upstreams of your own that speak a known format, behind a prefix of your choice.">
        <Button kind="primary" onClick={() => setEdited("new")}>
          New node
        </Button>
      </PageHead>
      <Card wide>
        <div class="stack">
          <Loaded
            of={nodes}
            isEmpty={({ data }) => data.length === 0}
            empty={
              <>
                <p>There is no node yet.</p>
                <p class="quiet">A model server on this machine or in your network, or a service that is not in the catalogue: give its URL and the format it speaks.</p>
                <Button onClick={() => setEdited("new")}>Add the first node</Button>
              </>
            }
          >
            {({ data }) => {
              const found = data.filter((node) => `${node.name} ${node.prefix} ${node.base_url}`.toLowerCase().includes(search.toLowerCase()));
              return (
                <>
                  <div class="filters">
                    <TextField label="Search" type="search" value={search} onText={setSearch} />
                  </div>
                  {found.length ? <Table label="Custom nodes" rows={found} columns={columns} file="omniroute-nodes" rowKey={(row) => row.id} /> : <p class="empty">No node is called that.</p>}
                </>
              );
            }}
          </Loaded>
        </div>
      </Card>
      {edited && (
        <NodeForm
          node={edited === "new" ? null : edited}
          onClose={() => setEdited(null)}
          onDone={() => {
            setEdited(null);
            nodes.reload();
          }}
        />
      )}
      {dropped && <Ask title={`Remove ${dropped.name || dropped.prefix}?`} text="Its credential and its custom models are deleted with it. Past usage stays in the ledger." verb="Remove" onYes={() => drop(dropped)} onClose={() => setDropped(null)} />}
    </>
  );
}

export const page: Page = { path: "/nodes", title: "Custom nodes", group: "Routing", order: 11.5, icon: "◇", words: "provider node base url compatible local server prefix", component: Nodes };
