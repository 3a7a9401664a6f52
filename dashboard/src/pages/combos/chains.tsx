import { useState } from "preact/hooks";
import { type Listing, post, remove, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { ChainEntry } from "../../api/types";
import { Badge, Button, Dialog } from "../../ui/basics";
import { Card, Loaded } from "../../ui/states";
import { FormProblem, useSubmit } from "../../ui/submit";
import { SuggestField } from "../../ui/suggest";
import { type Column, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";
import { draft, Steps, stepsOf } from "./steps";

export interface Options {
  combos: string[];
  models: string[];
}

function ChainForm({ known, options, onClose, onDone }: { known: ChainEntry | null; options: Options; onClose: () => void; onDone: () => void }) {
  const [model, setModel] = useState(known?.model ?? "");
  const [steps, setSteps] = useState(() => known?.steps.map(draft) ?? [draft()]);
  const form = useSubmit(async () => {
    await post("/api/fallback/chains", { model, steps: stepsOf(steps, options.combos) });
    toast(`The chain of ${model} is saved.`);
    onDone();
  });
  return (
    <Dialog title={known ? `Fallback chain of ${known.model}` : "New fallback chain"} onClose={onClose}>
      <form class="stack" onSubmit={form.onSubmit}>
        {!known && <SuggestField label="For the model" required autofocus value={model} options={options.models} onText={setModel} error={form.errorOf("model")} hint="A name, or a pattern of names; * means everything." />}
        <h3>Then try, in this order</h3>
        <Steps label="Fallback chain" one="Step" drafts={steps} options={[...options.combos, ...options.models]} onChange={setSteps} errorAt={(at) => form.errorOf(`steps.${at}`)} />
        <FormProblem of={form} fields={known ? [] : ["model"]} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Save chain
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What else to try when a model cannot be had. */
export function Chains({ options }: { options: Options }) {
  const chains = useResource<Listing<ChainEntry>>("/api/fallback/chains");
  const [edited, setEdited] = useState<ChainEntry | "new" | null>(null);
  const drop = async (chain: ChainEntry) => {
    await remove(withQuery("/api/fallback/chains", { model: chain.model }));
    toast(`The chain of ${chain.model} is removed.`);
    chains.reload();
  };
  const columns: Column<ChainEntry>[] = [
    { title: "Model", cell: (row) => <span class="mono">{row.model}</span> },
    { title: "Then", cell: (row) => <span class="mono">{row.steps.map((step) => step.combo ?? step.model).join(" → ")}</span> },
    { title: "Note", cell: (row) => row.problems.map((problem) => <Badge tone="warn">{problem}</Badge>) },
    {
      title: "",
      cell: (row) =>
        row.read_only ? (
          <span class="quiet">config file</span>
        ) : (
          <span class="row">
            <Button aria-label={`Edit the chain of ${row.model}`} onClick={() => setEdited(row)}>
              Edit
            </Button>
            <Button kind="danger" aria-label={`Remove the chain of ${row.model}`} onClick={() => drop(row)}>
              Remove
            </Button>
          </span>
        ),
    },
  ];
  return (
    <Card title="Fallback chains" wide actions={<Button onClick={() => setEdited("new")}>New chain</Button>}>
      <Loaded of={chains} isEmpty={({ data }) => data.length === 0} empty={<p>There is no chain. One says what else to try when a model cannot be had, whoever asks for it.</p>}>
        {({ data }) => <Table label="Fallback chains" rows={data} columns={columns} rowKey={(row) => row.model} />}
      </Loaded>
      {edited && (
        <ChainForm
          known={edited === "new" ? null : edited}
          options={options}
          onClose={() => setEdited(null)}
          onDone={() => {
            setEdited(null);
            chains.reload();
          }}
        />
      )}
    </Card>
  );
}
