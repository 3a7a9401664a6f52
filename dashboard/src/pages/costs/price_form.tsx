import { useState } from "preact/hooks";
import type { Price } from "../../api/types";
import { put } from "../../api/client";
import { Button, Dialog, SelectField, TextField } from "../../ui/basics";
import { FormProblem, useSubmit } from "../../ui/submit";
import { toast } from "../../ui/toasts";

const typed = (value: number | null) => String(value ?? "");
const number = (text: string) => (text.trim() === "" ? null : Number(text));

/** The price of one model, to be set by the operator. */
export function PriceForm({ known, onClose, onDone }: { known: Price; onClose: () => void; onDone: () => void }) {
  const [input, setInput] = useState(typed(known.input));
  const [output, setOutput] = useState(typed(known.output));
  const [cached, setCached] = useState(typed(known.cached));
  const [write, setWrite] = useState(typed(known.cache_write));
  const [basis, setBasis] = useState<string>(known.basis === "unknown" ? "list" : known.basis);
  const form = useSubmit(async () => {
    await put("/api/pricing", { provider: known.provider, model: known.model, input: Number(input), output: Number(output), cached: number(cached), cache_write: number(write), long_context: known.long_context, basis });
    toast(`${known.model} has another price from now on.`);
    onDone();
  });
  return (
    <Dialog title={`Price of ${known.provider}/${known.model}`} onClose={onClose}>
      <form class="stack" onSubmit={form.onSubmit}>
        <p class="quiet">US dollars per million tokens.</p>
        <div class="fields">
          <TextField label="In" type="number" step="any" min={0} required autofocus value={input} onText={setInput} error={form.errorOf("input")} />
          <TextField label="Out" type="number" step="any" min={0} required value={output} onText={setOutput} error={form.errorOf("output")} />
          <TextField label="Read from the cache" type="number" step="any" min={0} value={cached} onText={setCached} error={form.errorOf("cached")} hint="Empty: as much as in." />
          <TextField label="Written to the cache" type="number" step="any" min={0} value={write} onText={setWrite} error={form.errorOf("cache_write")} hint="Empty: as much as in." />
        </div>
        <SelectField
          label="Who pays"
          value={basis}
          onText={setBasis}
          hint="What a plan pays for costs nothing; the price is what it saves."
          options={[
            ["list", "Billed by use"],
            ["equivalent", "A plan"],
          ]}
        />
        <FormProblem of={form} fields={["input", "output", "cached", "cache_write"]} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Save price
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
