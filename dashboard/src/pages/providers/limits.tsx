import { useState } from "preact/hooks";
import { patch } from "../../api/client";
import type { Account, Allowance, Limits } from "../../api/types";
import { Button, SelectField, TextField } from "../../ui/basics";
import { plural } from "../../ui/format";
import { FormProblem, useSubmit } from "../../ui/submit";
import { toast } from "../../ui/toasts";

const PERS = [
  ["5h", "5 hours"],
  ["daily", "day"],
  ["weekly", "week"],
  ["monthly", "month"],
  ["rolling", "24 hours, rolling"],
] as const;
const UNITS = [
  ["requests", "requests"],
  ["tokens", "tokens"],
] as const;

interface Draft extends Omit<Allowance, "limit"> {
  key: number;
  limit: string;
}

/** What is allowed, in one sentence. */
export function limitsInWords(limits: Limits): string {
  const said = [
    limits.rpm !== null && `${plural(limits.rpm, "request")} a minute`,
    limits.concurrency !== null && `${limits.concurrency} at once`,
    limits.min_gap !== null && `${limits.min_gap} s between two`,
    limits.models.length > 0 && `only ${limits.models.join(", ")}`,
    limits.reserve > 0 && `${Math.round(limits.reserve * 100)} % kept in reserve`,
    ...limits.allowances.map((one) => `${one.limit} ${one.unit ?? "requests"} per ${one.per ?? "daily"}`),
  ].filter(Boolean);
  return said.length ? `${said.join("; ")}.` : "No limit of yours.";
}

const typed = (value: number | null) => (value === null ? "" : String(value));
const number = (text: string) => (text.trim() === "" ? null : Number(text));

/** What the account may be used for, and how much. */
export function LimitsForm({ account, onDone }: { account: Account; onDone: () => void }) {
  const { limits } = account;
  const [rpm, setRpm] = useState(typed(limits.rpm));
  const [gap, setGap] = useState(typed(limits.min_gap));
  const [concurrency, setConcurrency] = useState(typed(limits.concurrency));
  const [models, setModels] = useState(limits.models.join(", "));
  const [reserve, setReserve] = useState(limits.reserve ? String(limits.reserve * 100) : "");
  const [allowances, setAllowances] = useState<Draft[]>(() => limits.allowances.map((one, key) => ({ ...one, key, limit: String(one.limit) })));
  const form = useSubmit(async () => {
    const changed = {
      rpm: number(rpm),
      min_gap: number(gap),
      concurrency: number(concurrency),
      models: models.split(/[\s,]+/).filter(Boolean),
      reserve: (number(reserve) ?? 0) / 100,
      allowances: allowances.map(({ key: _, ...one }) => ({ ...one, limit: Number(one.limit) })),
    };
    await patch(`/api/providers/${account.id}`, { limits: changed });
    toast("The limits are saved.");
    onDone();
  });
  const change = (key: number, part: Partial<Draft>) => setAllowances(allowances.map((one) => (one.key === key ? { ...one, ...part } : one)));
  return (
    <form class="stack" onSubmit={form.onSubmit}>
      <div class="fields">
        <TextField label="Requests a minute" type="number" min={1} placeholder="no limit" value={rpm} onText={setRpm} />
        <TextField label="At once" type="number" min={1} placeholder="no limit" value={concurrency} onText={setConcurrency} />
        <TextField label="Seconds between two" type="number" step="any" placeholder="none" value={gap} onText={setGap} />
        <TextField label="Reserve in percent" type="number" step="any" placeholder="0" value={reserve} onText={setReserve} />
      </div>
      <TextField label="Only these models" placeholder="all" value={models} onText={setModels} hint="Ids with commas; a * at the end stands for the rest." />
      <h3>Allowances</h3>
      <p class="hint">Quotas that the provider does not report: counted here, and kept to.</p>
      {allowances.map((one, at) => (
        <fieldset key={one.key} class="plain fields tight" aria-label={`Allowance ${at + 1}`}>
          <TextField label="Limit" type="number" required min={1} value={one.limit} onText={(limit) => change(one.key, { limit })} />
          <SelectField label="Of" value={one.unit ?? "requests"} options={UNITS} onText={(unit) => change(one.key, { unit: unit as "requests" | "tokens" })} />
          <SelectField label="Per" value={one.per ?? "daily"} options={PERS} onText={(per) => change(one.key, { per: per as NonNullable<Allowance["per"]> })} />
          <TextField label="Model" placeholder="all" value={one.model ?? ""} onText={(model) => change(one.key, { model: model || null })} />
          <Button class="end" aria-label={`Take allowance ${at + 1} out`} onClick={() => setAllowances(allowances.filter((other) => other !== one))}>
            ✕
          </Button>
        </fieldset>
      ))}
      <FormProblem of={form} />
      <div class="row">
        <Button type="submit" disabled={form.busy}>
          Save limits
        </Button>
        <Button onClick={() => setAllowances([...allowances, { key: Date.now(), limit: "", unit: "requests", per: "daily" }])}>Add allowance</Button>
      </div>
    </form>
  );
}
