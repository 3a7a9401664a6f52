import { useResource } from "../../api/resource";
import type { Account, Step } from "../../api/types";
import { Button, SelectField, TextField } from "../../ui/basics";
import { Reorder } from "../../ui/reorder";
import { SuggestField } from "../../ui/suggest";

/** A step as it is typed; `key` stays with it when it moves. */
export interface Draft {
  key: number;
  name: string;
  account: string;
  weight: string;
  timeout: string;
  retries: string;
  tags: string[];
}

let next = 1;

export function draft(step: Step | string = ""): Draft {
  const given: Step = typeof step === "string" ? { model: step } : step;
  const text = (value: number | null | undefined) => String(value ?? "");
  return { key: next++, name: given.combo ?? given.model ?? "", account: given.account ?? "", weight: text(given.weight), timeout: text(given.timeout), retries: text(given.retries), tags: given.tags ?? [] };
}

/** The steps as the server wants them; a name that is a combo's means the combo. */
export function stepsOf(drafts: readonly Draft[], combos: readonly string[]): Step[] {
  const number = (name: "weight" | "timeout" | "retries", text: string) => (text.trim() === "" ? {} : { [name]: Number(text) });
  return drafts.map((one) => ({
    ...(combos.includes(one.name.trim()) ? { combo: one.name.trim() } : { model: one.name.trim() }),
    ...(one.account && { account: one.account }),
    ...number("weight", one.weight),
    ...number("timeout", one.timeout),
    ...number("retries", one.retries),
    ...(one.tags.length > 0 && { tags: one.tags }),
  }));
}

interface StepsProps {
  label: string;
  /** What one of them is called: "Step". */
  one: string;
  drafts: Draft[];
  options: readonly string[];
  onChange: (drafts: Draft[]) => void;
  /** Whether they carry weights (chains and fallbacks are taken in order). */
  weighted?: boolean;
  errorAt: (at: number) => string | undefined;
}

export function Steps({ label, one, drafts, options, onChange, weighted = false, errorAt }: StepsProps) {
  const accounts = useResource("/api/providers");
  const change = (key: number, part: Partial<Draft>) => onChange(drafts.map((step) => (step.key === key ? { ...step, ...part } : step)));
  return (
    <div class="stack">
      <Reorder
        label={label}
        items={drafts}
        keyOf={(step) => step.key}
        nameOf={(step, at) => step.name || `${one.toLowerCase()} ${at + 1}`}
        onOrder={onChange}
        onDrop={(step) => onChange(drafts.filter((other) => other.key !== step.key))}
      >
        {(step, at) => <StepForm step={step} title={`${one} ${at + 1}`} options={options} weighted={weighted} accounts={accounts.data?.data ?? []} error={errorAt(at)} onChange={(part) => change(step.key, part)} />}
      </Reorder>
      <p>
        <Button onClick={() => onChange([...drafts, draft()])}>{`Add ${one.toLowerCase()}`}</Button>
      </p>
    </div>
  );
}

interface FormProps {
  step: Draft;
  title: string;
  options: readonly string[];
  weighted: boolean;
  accounts: readonly Account[];
  error: string | undefined;
  onChange: (part: Partial<Draft>) => void;
}

function StepForm({ step, title, options, weighted, accounts, error, onChange }: FormProps) {
  const own = accounts.filter((account) => step.name.startsWith(`${account.prefix}/`));
  const known = own.some((account) => account.id === step.account || account.name === step.account);
  const said = [
    step.account && `account ${own.find((account) => account.id === step.account)?.name ?? step.account}`,
    weighted && step.weight && `weight ${step.weight}`,
    step.timeout && `${step.timeout} s to the first token`,
    step.retries && `${step.retries} retries`,
  ].filter(Boolean);
  return (
    <div class="stack">
      <SuggestField label={title} placeholder="Model or combo" required value={step.name} options={options} error={error} onText={(name) => onChange({ name })} />
      <details>
        <summary>{said.length ? said.join(", ") : "Account, weight, timeout, retries"}</summary>
        <div class="fields">
          <SelectField
            label="Account"
            value={step.account}
            onText={(account) => onChange({ account })}
            options={[["", "Any"], ...(step.account && !known ? [[step.account, step.account] as const] : []), ...own.map((account) => [account.id, account.name] as const)]}
          />
          {weighted && <TextField label="Weight" type="number" step="any" placeholder="1" value={step.weight} onText={(weight) => onChange({ weight })} />}
          <TextField label="Timeout in seconds" type="number" step="any" placeholder="as elsewhere" value={step.timeout} onText={(timeout) => onChange({ timeout })} />
          <TextField label="Retries" type="number" placeholder="as elsewhere" value={step.retries} onText={(retries) => onChange({ retries })} />
        </div>
      </details>
    </div>
  );
}
