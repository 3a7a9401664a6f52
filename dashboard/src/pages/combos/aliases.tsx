import { useState } from "preact/hooks";
import { post, remove, withQuery } from "../../api/client";
import type { AliasEntry } from "../../api/types";
import { Button, Dialog, TextField } from "../../ui/basics";
import { ManagedCard } from "../../ui/managed";
import { FormProblem, useSubmit } from "../../ui/submit";
import { SuggestField } from "../../ui/suggest";
import type { Column } from "../../ui/table";
import { toast } from "../../ui/toasts";

const COLUMNS: Column<AliasEntry>[] = [
  { title: "Alias", cell: (row) => <span class="mono">{row.alias}</span>, value: (row) => row.alias },
  { title: "Leads to", cell: (row) => <span class="mono">{row.target}</span>, value: (row) => row.target },
];

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
  return (
    <ManagedCard<AliasEntry>
      title="Aliases"
      noun="alias"
      path="/api/aliases"
      empty="There is no alias. One lets a client keep the name it knows and get another model."
      nameOf={(row) => row.alias}
      columns={COLUMNS}
      remove={(row) => remove(withQuery("/api/aliases", { alias: row.alias }))}
      form={(props) => <AliasForm {...props} options={options} />}
    />
  );
}
