import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { Badge, Button } from "../../ui/basics";
import { Card, PageHead } from "../../ui/states";
import { ComboStep } from "./combo";
import { ProviderStep } from "./provider";
import { RequestStep } from "./request";

const STEPS = [
  ["password", "Password"],
  ["provider", "Provider"],
  ["combo", "Combo"],
  ["request", "First request"],
] as const;

function Setup() {
  const [step, setStep] = useFilter("step", "provider");
  const [model, setModel] = useFilter("model");
  const at = Math.max(
    0,
    STEPS.findIndex(([name]) => name === step),
  );
  const onward = () => {
    const next = STEPS[at + 1];
    if (next) setStep(next[0]);
  };
  return (
    <>
      <PageHead title="Setup" about="From nothing to a first request in four steps. Each can be skipped, and done again." />
      <nav aria-label="Setup steps">
        <ol class="steps">
          {STEPS.map(([name, title], i) => (
            <li key={name}>
              <button type="button" class="button" aria-current={i === at ? "step" : undefined} onClick={() => setStep(name)}>
                <span class="place">{i + 1}</span> {title}
              </button>
            </li>
          ))}
        </ol>
      </nav>
      {step === "password" && (
        <Card title="1. Password" wide>
          <div class="stack">
            <p>
              <Badge tone="good">set</Badge> The dashboard and the admin API are protected by your password. It can be changed in the <a href="/settings?q=password">settings</a>.
            </p>
            <p>
              <Button kind="primary" onClick={onward}>
                Next
              </Button>
            </p>
          </div>
        </Card>
      )}
      {step === "provider" && <ProviderStep onNext={onward} />}
      {step === "combo" && (
        <ComboStep
          onNext={(name) => {
            if (name) setModel(name);
            onward();
          }}
        />
      )}
      {step === "request" && <RequestStep model={model} onModel={setModel} />}
    </>
  );
}

export const page: Page = { path: "/setup", title: "Setup", group: "System", order: 95, icon: "▷", words: "wizard start first request tools snippet connect", component: Setup };
