import { useState } from "preact/hooks";
import { patch, post } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Budget } from "../../api/types";
import { Button, Dialog, SelectField, TextField } from "../../ui/basics";
import { FormProblem, useSubmit } from "../../ui/submit";
import { toast } from "../../ui/toasts";

const number = (text: string) => (text.trim() === "" ? null : Number(text));
const typed = (value: number | null | undefined) => String(value ?? "");
const FIELDS = ["usd", "tokens", "warn_at"];

/** A new budget, or one to be changed; whose it is and its period are what it is known by. */
export function BudgetForm({ known, onClose, onDone }: { known: Budget | null; onClose: () => void; onDone: () => void }) {
  const keys = useResource(known ? null : "/api/keys");
  const [key, setKey] = useState(known?.key_id ?? "");
  const [period, setPeriod] = useState<string>(known?.period ?? "monthly");
  const [usd, setUsd] = useState(typed(known?.usd));
  const [tokens, setTokens] = useState(typed(known?.tokens));
  const [action, setAction] = useState<string>(known?.action ?? "block");
  const [warn, setWarn] = useState(String(Math.round((known?.warn_at ?? 0.8) * 100)));
  const form = useSubmit(async () => {
    const limits = { usd: number(usd), tokens: number(tokens), action, warn_at: Number(warn) / 100 };
    if (known) await patch(`/api/budgets/${encodeURIComponent(known.id)}`, limits);
    else await post("/api/budgets", { ...limits, key_id: key || null, period });
    toast("The budget is saved.");
    onDone();
  });
  return (
    <Dialog title={known ? "Change the budget" : "New budget"} onClose={onClose}>
      <form class="stack" onSubmit={form.onSubmit}>
        {!known && (
          <>
            <SelectField label="For" value={key} onText={setKey} options={[["", "All keys together"], ...(keys.data?.data ?? []).map((one) => [one.id, one.name] as const)]} />
            <SelectField
              label="In each"
              value={period}
              onText={setPeriod}
              options={[
                ["daily", "Day"],
                ["weekly", "Week, from Monday"],
                ["monthly", "Month"],
              ]}
            />
          </>
        )}
        <div class="fields">
          <TextField label="US dollars" type="number" step="any" min={0} value={usd} onText={setUsd} error={form.errorOf("usd")} hint="Leave empty for no limit on money." />
          <TextField label="Tokens" type="number" min={0} value={tokens} onText={setTokens} error={form.errorOf("tokens")} hint="In and out. Leave empty for no limit on tokens." />
        </div>
        <SelectField
          label="When it is used up"
          value={action}
          onText={setAction}
          options={[
            ["block", "Refuse further requests"],
            ["warn", "Only warn"],
          ]}
        />
        <TextField label="Warn from percent" type="number" min={1} max={100} value={warn} onText={setWarn} error={form.errorOf("warn_at")} />
        <FormProblem of={form} fields={FIELDS} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Save budget
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
