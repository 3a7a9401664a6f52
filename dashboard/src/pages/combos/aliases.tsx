import { useState } from "preact/hooks";
import { type Listing, post, remove, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { AliasEntry } from "../../api/types";
import { Badge, Button, Dialog, TextField } from "../../ui/basics";
import { Card, Loaded } from "../../ui/states";
import { FormProblem, useSubmit } from "../../ui/submit";
import { SuggestField } from "../../ui/suggest";
import { type Column, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";

interface FormProps {
  known: AliasEntry | null;
  options: readonly string[];
  onClose: () => void;
  onDone: () => void;
}

function AliasForm({ known, options, onClose, onDone }: FormProps) {
  const [alias, setAlias] = useState(known?.alias ?? "");
  const [target, setTarget] = useState(known?.target ?? "");
  const form = useSubmit(async () => {
    await post("/api/aliases", { alias, target });
    toast(`${alias} leads to ${target}.`);
    onDone();
  });
  return (
    <Dialog title={known ? `Alias ${known.alias}` : "New alias"} onClose={onClose}>
      <form class="stack" onSubmit={form.onSubmit}>
        {!known && <TextField label="Alias" required autofocus value={alias} onText={setAlias} error={form.errorOf("alias")} hint="What clients ask for. * and ? stand for the rest of a name." />}
        <SuggestField label="Leads to" required value={target} options={options} onText={setTarget} error={form.errorOf("target")} hint="A model, a combo, or PREFIX/* to keep the name that was asked for." />
        <FormProblem of={form} fields={known ? ["target"] : ["alias", "target"]} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Save alias
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Other names for models and combos. */
export function Aliases({ options }: { options: readonly string[] }) {
  const aliases = useResource<Listing<AliasEntry>>("/api/aliases");
  const [edited, setEdited] = useState<AliasEntry | "new" | null>(null);
  const drop = async (alias: AliasEntry) => {
    await remove(withQuery("/api/aliases", { alias: alias.alias }));
    toast(`${alias.alias} is removed.`);
    aliases.reload();
  };
  const columns: Column<AliasEntry>[] = [
    { title: "Alias", cell: (row) => <span class="mono">{row.alias}</span> },
    { title: "Leads to", cell: (row) => <span class="mono">{row.target}</span> },
    { title: "Note", cell: (row) => row.problems.map((problem) => <Badge tone="warn">{problem}</Badge>) },
    {
      title: "",
      cell: (row) =>
        row.read_only ? (
          <span class="quiet">config file</span>
        ) : (
          <span class="row">
            <Button aria-label={`Edit alias ${row.alias}`} onClick={() => setEdited(row)}>
              Edit
            </Button>
            <Button kind="danger" aria-label={`Remove alias ${row.alias}`} onClick={() => drop(row)}>
              Remove
            </Button>
          </span>
        ),
    },
  ];
  return (
    <Card title="Aliases" wide actions={<Button onClick={() => setEdited("new")}>New alias</Button>}>
      <Loaded of={aliases} isEmpty={({ data }) => data.length === 0} empty={<p>There is no alias. One lets a client keep the name it knows and get another model.</p>}>
        {({ data }) => <Table label="Aliases" rows={data} columns={columns} rowKey={(row) => row.alias} />}
      </Loaded>
      {edited && (
        <AliasForm
          known={edited === "new" ? null : edited}
          options={options}
          onClose={() => setEdited(null)}
          onDone={() => {
            setEdited(null);
            aliases.reload();
          }}
        />
      )}
    </Card>
  );
}
