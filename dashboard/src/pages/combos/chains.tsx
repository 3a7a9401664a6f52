import { useState } from "preact/hooks";
import { post, remove, withQuery } from "../../api/client";
import type { ChainEntry } from "../../api/types";
import { Button, Dialog } from "../../ui/basics";
import { ManagedCard } from "../../ui/managed";
import { FormProblem, useSubmit } from "../../ui/submit";
import { SuggestField } from "../../ui/suggest";
import type { Column } from "../../ui/table";
import { toast } from "../../ui/toasts";
import { draft, Steps, stepsOf } from "./steps";

const then = (row: ChainEntry) => row.steps.map((step) => step.combo ?? step.model).join(" → ");

const COLUMNS: Column<ChainEntry>[] = [
  { title: "Model", cell: (row) => <span class="mono">{row.model}</span>, value: (row) => row.model },
  { title: "Then", cell: (row) => <span class="mono">{then(row)}</span>, value: then },
];

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
  return (
    <ManagedCard<ChainEntry>
      title="Fallback chains"
      noun="chain"
      path="/api/fallback/chains"
      empty="There is no chain. One says what else to try when a model cannot be had, whoever asks for it."
      nameOf={(row) => row.model}
      columns={COLUMNS}
      remove={(row) => remove(withQuery("/api/fallback/chains", { model: row.model }))}
      form={(props) => <ChainForm {...props} options={options} />}
    />
  );
}
