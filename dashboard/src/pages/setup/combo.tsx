import { useEffect, useState } from "preact/hooks";
import { post } from "../../api/client";
import type { Combo } from "../../api/types";
import { useSession } from "../../app/session";
import { Button, TextField } from "../../ui/basics";
import { Card } from "../../ui/states";
import { FormProblem, useSubmit } from "../../ui/submit";
import { useTargets } from "../../ui/suggest";
import { toast } from "../../ui/toasts";
import { draft, Steps, stepsOf } from "../combos/steps";

/** Several models behind one name. `onNext` is told the combo's name, or nothing when it was skipped. */
export function ComboStep({ onNext }: { onNext: (name?: string) => void }) {
  const { init } = useSession();
  const targets = useTargets();
  const [name, setName] = useState("main");
  const [steps, setSteps] = useState(() => [draft()]);
  const [touched, setTouched] = useState(false);

  // The first proposal: a model of what is connected, and the demo after it.
  useEffect(() => {
    if (touched || targets.models.length === 0) return;
    const demo = `${init.example_model.split("/")[0]}/`;
    const first = targets.models.find((model) => !model.startsWith(demo));
    setSteps([...new Set([first ?? init.example_model, init.example_model])].map(draft));
  }, [targets.models.join(), touched]);

  const form = useSubmit(async () => {
    const combo = await post<Combo>("/api/combos", { name, steps: stepsOf(steps, targets.combos) });
    toast(`${combo.name} can be asked for.`);
    onNext(combo.name);
  });
  return (
    <Card title="3. A combo" wide>
      <form class="stack" onSubmit={form.onSubmit}>
        <p>Your tools ask for one name; OmniRoute takes the first step that can answer, and falls back to the next.</p>
        <TextField label="Name" required value={name} onText={setName} error={form.errorOf("name")} hint="What tools ask for as their model." />
        <Steps
          label="Steps"
          one="Step"
          drafts={steps}
          options={[...targets.combos, ...targets.models]}
          onChange={(next) => {
            setTouched(true);
            setSteps(next);
          }}
          errorAt={(at) => form.errorOf(`steps.${at}`)}
        />
        <FormProblem of={form} fields={["name"]} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Make combo
          </Button>
          <Button onClick={() => onNext()}>Skip</Button>
        </div>
      </form>
    </Card>
  );
}
