import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { useResource } from "../../api/resource";
import type { Combo, Step } from "../../api/types";
import { Badge, TextField } from "../../ui/basics";
import { Card, Loaded, PageHead } from "../../ui/states";
import { useTargets } from "../../ui/suggest";
import { type Column, Table } from "../../ui/table";
import { Aliases } from "./aliases";
import { Chains } from "./chains";
import { EditCombo, NewCombo } from "./edit";
import { DryRun } from "./preview";

const SOURCES = { stored: "here", file: "config file", builtin: "built in" } as const;
const named = (step: Step | string) => (typeof step === "string" ? step : (step.combo ?? step.model ?? ""));

function Combos() {
  const combos = useResource("/api/combos");
  const targets = useTargets();
  const [search, setSearch] = useFilter("q");
  const [model, setModel] = useFilter("model");
  const columns: Column<Combo>[] = [
    { title: "Name", cell: (row) => <a href={`/combos/${encodeURIComponent(row.id)}`}>{row.name}</a>, value: (row) => row.name },
    { title: "Strategy", cell: (row) => row.strategy ?? <span class="quiet">as in the settings</span>, value: (row) => row.strategy },
    {
      title: "Steps",
      cell: (row) => (row.steps.length ? <span class="mono">{row.steps.map(named).join(", ")}</span> : <span class="quiet">every connected model</span>),
      value: (row) => row.steps.map(named).join(", "),
    },
    { title: "From", cell: (row) => SOURCES[row.source] },
    { title: "Note", cell: (row) => (row.problems.length > 0 ? <Badge tone="warn">{row.problems[0]}</Badge> : ""), value: (row) => row.problems.join("; ") },
    {
      title: "",
      cell: (row) => (
        <a class="button" href={`/combos?model=${encodeURIComponent(row.name)}`} aria-label={`Dry run of ${row.name}`}>
          Dry run
        </a>
      ),
    },
  ];
  return (
    <>
      <PageHead title="Combos" about="Several models behind one name, and who of them answers.">
        <a class="button primary" href="/combos/new">
          New combo
        </a>
      </PageHead>
      <Card wide>
        <div class="stack">
          <div class="filters">
            <TextField label="Search" type="search" value={search} onText={setSearch} />
          </div>
          <Loaded of={combos} isEmpty={({ data }) => data.length === 0} empty={<p>There is no combo yet.</p>}>
            {({ data }) => {
              const found = data.filter((combo) => `${combo.name} ${combo.steps.map(named).join(" ")}`.toLowerCase().includes(search.toLowerCase()));
              return found.length ? <Table label="Combos" rows={found} columns={columns} file="omniroute-combos" rowKey={(row) => row.id} /> : <p class="empty">No combo is called that.</p>;
            }}
          </Loaded>
        </div>
      </Card>
      <DryRun model={model} onModel={setModel} options={[...targets.combos, ...targets.models]} />
      <Aliases options={[...targets.combos, ...targets.models]} />
      <Chains options={targets} />
    </>
  );
}

export const pages: Page[] = [
  { path: "/combos", title: "Combos", group: "Routing", order: 12, icon: "⋔", words: "routing fallback chain alias strategy dry run", component: Combos },
  { path: "/combos/new", title: "New combo", order: 13, component: NewCombo },
  { path: "/combos/:id", title: "Combo", order: 14, component: EditCombo },
];
