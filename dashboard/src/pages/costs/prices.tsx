import { useState } from "preact/hooks";
import { useFilter } from "../../app/router";
import type { Price } from "../../api/types";
import { remove, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Button, SelectField, TextField, Time } from "../../ui/basics";
import { money } from "../../ui/format";
import { Card, Loaded } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";
import { PriceForm } from "./price_form";

const SOURCES = { override: "set here", custom: "custom model", catalogue: "catalogue", "genai-prices": "genai-prices", none: "not known" } as const;
const BASES = { list: "billed", equivalent: "a plan pays", unknown: "not known" } as const;

const VALUES: Column<Price>[] = [
  { title: "Model", cell: (row) => <span class="mono">{`${row.provider}/${row.model}`}</span>, value: (row) => `${row.provider}/${row.model}` },
  { title: "In", number: true, cell: (row) => money(row.input), value: (row) => row.input },
  { title: "Out", number: true, cell: (row) => money(row.output), value: (row) => row.output },
  { title: "Cache read", number: true, cell: (row) => money(row.cached), value: (row) => row.cached },
  { title: "Cache write", number: true, cell: (row) => money(row.cache_write), value: (row) => row.cache_write },
  {
    title: "Basis",
    cell: (row) => (
      <span>
        {BASES[row.basis]}
        {row.long_context && <span class="quiet"> · more above {row.long_context.above.toLocaleString()} tokens</span>}
      </span>
    ),
    value: (row) => row.basis,
  },
  {
    title: "From",
    cell: (row) =>
      row.override ? (
        <span>
          <Badge tone="info">{SOURCES.override}</Badge> <span class="quiet">{row.updated_at !== null && <Time at={row.updated_at} ago />}</span>
        </span>
      ) : row.source === "none" ? (
        <Badge tone="warn">{SOURCES.none}</Badge>
      ) : (
        SOURCES[row.source]
      ),
    value: (row) => row.source,
  },
];

/** US dollars per million tokens, where they come from, and setting others. */
export function Prices() {
  const [search, setSearch] = useFilter("price");
  const [source, setSource] = useFilter("source");
  const [cursor, setCursor] = useFilter("cursor");
  const prices = useResource(withQuery("/api/pricing", { q: search, source, cursor, limit: 12 }));
  const [edited, setEdited] = useState<Price | null>(null);
  const reset = async (price: Price) => {
    await remove(`/api/pricing/${encodeURIComponent(price.provider)}/${encodeURIComponent(price.model)}`);
    toast(`${price.model} has its usual price again.`);
    prices.reload();
  };
  const columns: Column<Price>[] = [
    ...VALUES,
    {
      title: "",
      cell: (row) => (
        <span class="row">
          <Button aria-label={`Change the price of ${row.provider}/${row.model}`} onClick={() => setEdited(row)}>
            Change
          </Button>
          {row.override && (
            <Button aria-label={`Reset the price of ${row.provider}/${row.model}`} onClick={() => reset(row)}>
              Reset
            </Button>
          )}
        </span>
      ),
    },
  ];
  return (
    <Card title="Prices" wide actions={prices.data && <Export name="omniroute-prices" rows={prices.data.data} columns={VALUES} />}>
      <div class="stack">
        <p class="quiet">US dollars per million tokens. A change holds for requests from now on; the ledger keeps what each was charged by.</p>
        <div class="filters">
          <TextField label="Search" type="search" value={search} onText={setSearch} placeholder="Provider or model" />
          <SelectField label="From" value={source} onText={setSource} options={[["", "All"], ...Object.entries(SOURCES)]} />
        </div>
        <Loaded of={prices} isEmpty={({ data }) => data.length === 0} empty={<p>No price fits.</p>}>
          {({ data, next_cursor: next }) => (
            <>
              <Table label="Prices" rows={data} columns={columns} rowKey={(row) => `${row.provider}/${row.model}`} />
              <div class="row">
                {cursor && <Button onClick={() => setCursor("")}>First</Button>}
                {next && <Button onClick={() => setCursor(next)}>More</Button>}
              </div>
            </>
          )}
        </Loaded>
      </div>
      {edited && (
        <PriceForm
          known={edited}
          onClose={() => setEdited(null)}
          onDone={() => {
            setEdited(null);
            prices.reload();
          }}
        />
      )}
    </Card>
  );
}
