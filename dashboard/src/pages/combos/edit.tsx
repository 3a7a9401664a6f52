import { useState } from "preact/hooks";
import { go } from "../../app/router";
import { patch, post, remove } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Combo, Strategy } from "../../api/types";
import { Badge, Button, Copy, TextField } from "../../ui/basics";
import { Card, Loaded, PageHead } from "../../ui/states";
import { Ask, FormProblem, useSubmit } from "../../ui/submit";
import { useTargets } from "../../ui/suggest";
import { toast } from "../../ui/toasts";
import { DryRun } from "./preview";
import { draft, Steps, stepsOf } from "./steps";
import { StrategyForm } from "./strategy";

const FIELDS = ["name", "steps", "fallback", "strategy", "options", "timeout", "retries"];
const number = (text: string) => (text.trim() === "" ? null : Number(text));
const typed = (value: number | null) => (value === null ? "" : String(value));

function Editor({ combo, strategies, onSaved }: { combo: Combo | null; strategies: readonly Strategy[]; onSaved: (combo: Combo) => void }) {
  const targets = useTargets();
  const [name, setName] = useState(combo?.name ?? "");
  const [steps, setSteps] = useState(() => combo?.steps.map(draft) ?? [draft()]);
  const [fallback, setFallback] = useState(() => combo?.fallback.map(draft) ?? []);
  const [strategy, setStrategy] = useState(combo?.strategy ?? "");
  const [options, setOptions] = useState(combo?.options ?? {});
  const [timeout, setTimeout] = useState(typed(combo?.timeout ?? null));
  const [retries, setRetries] = useState(typed(combo?.retries ?? null));

  const form = useSubmit(async () => {
    const others = targets.combos.filter((other) => other !== name);
    const body = { name, steps: stepsOf(steps, others), strategy: strategy || null, options, fallback: stepsOf(fallback, others), timeout: number(timeout), retries: number(retries) };
    const saved = combo ? await patch<Combo>(`/api/combos/${encodeURIComponent(combo.id)}`, body) : await post<Combo>("/api/combos", body);
    toast(`${saved.name} is saved.`);
    onSaved(saved);
  });
  const choices = [...targets.combos.filter((other) => other !== name), ...targets.models];
  const at = (field: string) => (place: number) => form.errorOf(`${field}.${place}`);
  return (
    <form onSubmit={form.onSubmit}>
      <fieldset class="plain grid settings" disabled={combo?.read_only ?? false}>
        <Card title="Steps">
          <div class="stack">
            {combo?.source === "builtin" && combo.steps.length === 0 ? (
              <p class="quiet">Every model of every connected provider, except the demo.</p>
            ) : (
              <Steps label="Steps" one="Step" drafts={steps} options={choices} onChange={setSteps} weighted errorAt={at("steps")} />
            )}
            {form.problem?.param === "steps" && <p class="error">{form.problem.message}</p>}
          </div>
        </Card>
        <div class="stack">
          <Card title="Combo">
            <div class="stack">
              <TextField label="Name" required value={name} onText={setName} error={form.errorOf("name")} hint="Clients ask for it as their model." />
              <StrategyForm
                strategies={strategies}
                name={strategy}
                options={options}
                error={form.errorOf}
                onChange={(next, values) => {
                  setStrategy(next);
                  setOptions(values);
                }}
              />
              <div class="fields">
                <TextField label="Timeout in seconds" type="number" step="any" placeholder="as in the settings" value={timeout} onText={setTimeout} error={form.errorOf("timeout")} hint="To the first token, for steps that say nothing." />
                <TextField label="Retries" type="number" placeholder="as in the settings" value={retries} onText={setRetries} error={form.errorOf("retries")} hint="Of a step in place, before the next." />
              </div>
            </div>
          </Card>
          <Card title="Fallback">
            <div class="stack">
              <p class="quiet">Tried in this order when every step has failed.</p>
              <Steps label="Fallback steps" one="Fallback" drafts={fallback} options={choices} onChange={setFallback} errorAt={at("fallback")} />
            </div>
          </Card>
          {!combo?.read_only && (
            <div class="stack">
              <FormProblem of={form} fields={FIELDS} />
              <div class="row">
                <Button kind="primary" type="submit" disabled={form.busy}>
                  Save combo
                </Button>
                <Button onClick={() => go("/combos")}>Cancel</Button>
              </div>
            </div>
          )}
        </div>
      </fieldset>
    </form>
  );
}

function Delete({ combo }: { combo: Combo }) {
  const [asking, setAsking] = useState(false);
  const drop = async () => {
    await remove(`/api/combos/${encodeURIComponent(combo.id)}`);
    toast(`${combo.name} is removed.`);
    go("/combos");
  };
  return (
    <>
      <Button kind="danger" onClick={() => setAsking(true)}>
        Remove…
      </Button>
      {asking && <Ask title={`Remove ${combo.name}?`} text="Clients that ask for it will be told that there is no such model." verb="Remove" onYes={drop} onClose={() => setAsking(false)} />}
    </>
  );
}

export function NewCombo() {
  const strategies = useResource("/api/strategies");
  return (
    <>
      <PageHead title="New combo" about="Several models behind one name." />
      <Loaded of={strategies}>{({ data }) => <Editor combo={null} strategies={data} onSaved={(saved) => go(`/combos/${encodeURIComponent(saved.id)}`)} />}</Loaded>
    </>
  );
}

export function EditCombo({ params }: { params: Record<string, string> }) {
  // From the list: names of combos hold slashes, which paths of the API do not.
  const combos = useResource("/api/combos");
  const strategies = useResource("/api/strategies");
  return (
    <Loaded of={combos} heading="Combo">
      {({ data }) => {
        const combo = data.find((one) => one.id === params.id || one.name === params.id);
        if (!combo)
          return (
            <div class="empty">
              <h1>There is no such combo</h1>
              <a href="/combos">To all combos</a>
            </div>
          );
        return (
          <>
            <PageHead title={combo.name} about={combo.read_only ? (combo.source === "builtin" ? "Built in: it cannot be changed." : "Managed by the config file: it is changed there.") : "A combo of the store."}>
              <Copy text={combo.name} label="Copy name" />
              {!combo.read_only && <Delete combo={combo} />}
            </PageHead>
            {combo.problems.map((problem) => (
              <p key={problem}>
                <Badge tone="warn">look here</Badge> {problem}
              </p>
            ))}
            <Loaded of={strategies}>{(list) => <Editor key={combo.id} combo={combo} strategies={list.data} onSaved={combos.reload} />}</Loaded>
            <DryRun key={JSON.stringify(combo)} model={combo.name} />
          </>
        );
      }}
    </Loaded>
  );
}
