import { useState } from "preact/hooks";
import { type Listing, post, remove, withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import { Button, Dialog, TextField, Toggle } from "../../ui/basics";
import { count, money } from "../../ui/format";
import { Card, Loaded } from "../../ui/states";
import { FormProblem, useSubmit } from "../../ui/submit";
import { type Column, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";

interface CustomModel {
  provider: string;
  model_id: string;
  name: string;
  context: number | null;
  max_output: number | null;
  tools: boolean | null;
  vision: boolean | null;
  reasoning: boolean | null;
  price: Record<string, number> | null;
}

const FIELDS = ["model_id", "context", "max_output", "price"];
const number = (text: string) => (text.trim() === "" ? null : Number(text));

function Add({ provider, onClose, onDone }: { provider: string; onClose: () => void; onDone: () => void }) {
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [context, setContext] = useState("");
  const [most, setMost] = useState("");
  const [input, setInput] = useState("");
  const [output, setOutput] = useState("");
  const [can, setCan] = useState({ tools: true, vision: false, reasoning: false });
  const form = useSubmit(async () => {
    const price = { ...(input && { input: Number(input) }), ...(output && { output: Number(output) }) };
    await post("/api/provider-models", { provider, model_id: id, name, context: number(context), max_output: number(most), ...can, price: input || output ? price : null });
    toast(`${id} can be asked for.`);
    onDone();
  });
  return (
    <Dialog title="New custom model" onClose={onClose}>
      <form class="stack" onSubmit={form.onSubmit}>
        <TextField label="Model id" required autofocus value={id} onText={setId} error={form.errorOf("model_id")} hint="As the provider calls it, without the prefix." />
        <TextField label="Name" value={name} onText={setName} />
        <div class="fields">
          <TextField label="Context in tokens" type="number" value={context} onText={setContext} error={form.errorOf("context")} />
          <TextField label="Longest answer in tokens" type="number" value={most} onText={setMost} error={form.errorOf("max_output")} />
          <TextField label="Price of input" type="number" step="any" value={input} onText={setInput} error={form.errorOf("price")} hint="US dollars per million tokens." />
          <TextField label="Price of output" type="number" step="any" value={output} onText={setOutput} hint="US dollars per million tokens." />
        </div>
        <div class="row">
          <Toggle label="Tools" checked={can.tools} onToggle={(tools) => setCan({ ...can, tools })} />
          <Toggle label="Pictures" checked={can.vision} onToggle={(vision) => setCan({ ...can, vision })} />
          <Toggle label="Reasoning" checked={can.reasoning} onToggle={(reasoning) => setCan({ ...can, reasoning })} />
        </div>
        <FormProblem of={form} fields={FIELDS} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Save model
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Models of a provider that the catalogue does not know. `onChange`: its list of models has changed. */
export function CustomModels({ provider, prefix, onChange }: { provider: string; prefix: string; onChange: () => void }) {
  const models = useResource<Listing<CustomModel>>(withQuery("/api/provider-models", { provider }));
  const [adding, setAdding] = useState(false);
  const changed = () => {
    models.reload();
    onChange();
  };
  const drop = async (model: CustomModel) => {
    await remove(withQuery("/api/provider-models", { provider, model_id: model.model_id }));
    toast(`${model.model_id} is removed.`);
    changed();
  };
  const columns: Column<CustomModel>[] = [
    { title: "Model", cell: (row) => <span class="mono">{`${prefix}/${row.model_id}`}</span> },
    { title: "Name", cell: (row) => row.name },
    { title: "Context", number: true, cell: (row) => count(row.context) },
    { title: "Output", number: true, cell: (row) => count(row.max_output) },
    { title: "Can", cell: (row) => [row.tools && "tools", row.vision && "pictures", row.reasoning && "reasoning"].filter(Boolean).join(", ") },
    { title: "Price in / out", number: true, cell: (row) => (row.price ? `${money(row.price.input)} / ${money(row.price.output)}` : "–") },
    {
      title: "",
      cell: (row) => (
        <Button kind="danger" aria-label={`Remove model ${row.model_id}`} onClick={() => drop(row)}>
          Remove
        </Button>
      ),
    },
  ];
  return (
    <Card title="Custom models" wide actions={<Button onClick={() => setAdding(true)}>New model</Button>}>
      <Loaded of={models} isEmpty={({ data }) => data.length === 0} empty={<p>None. Add a model that the catalogue does not know yet, with its limits and its price.</p>}>
        {({ data }) => <Table label="Custom models" rows={data} columns={columns} rowKey={(row) => row.model_id} />}
      </Loaded>
      {adding && (
        <Add
          provider={provider}
          onClose={() => setAdding(false)}
          onDone={() => {
            setAdding(false);
            changed();
          }}
        />
      )}
    </Card>
  );
}
