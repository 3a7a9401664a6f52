import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { post } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Button, SelectField, TextField } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { percent } from "../../ui/format";
import { Loaded, PageHead } from "../../ui/states";
import { toast } from "../../ui/toasts";
import { WindowBar } from "./bar";
import { Obstacles } from "./obstacles";
import type { Quota } from "../../api/types";

function Account({ quota, now, changed }: { quota: Quota; now: number; changed: () => void }) {
  const ask = async () => {
    try {
      await post("/api/quotas/refresh", { account_id: quota.id });
      toast(`${quota.name}: the provider has told.`);
    } finally {
      changed();
    }
  };
  return (
    <article class="card stack">
      <header class="row spread">
        <h2>
          <a href={`/providers/${encodeURIComponent(quota.id)}`}>{quota.name}</a>
        </h2>
        <span class="row">
          <span class="quiet">{quota.provider}</span>
          {quota.question !== null && (
            <Button aria-label={`Ask now what is left of ${quota.name}`} onClick={ask}>
              Ask now
            </Button>
          )}
        </span>
      </header>
      {quota.question?.problem && <p class="quiet">The last question was not answered: {quota.question.problem}</p>}
      {quota.reserve > 0 && <p class="quiet">{percent(quota.reserve)} of each window is kept in reserve.</p>}
      <ul class="stack windows">
        {quota.windows.map((window) => (
          <WindowBar key={`${window.name} ${window.model ?? ""}`} window={window} reserve={quota.reserve} now={now} />
        ))}
      </ul>
    </article>
  );
}

const known = (quota: Quota) => quota.windows.length > 0 || quota.question !== null;
const worst = (quota: Quota) => Math.max(0, ...quota.windows.map((window) => window.used));

function Windows() {
  const quotas = useResource("/api/quotas", { every: 15_000, on: ["quotas"], apart: 2000 });
  const [search, setSearch] = useFilter("q");
  const [show, setShow] = useFilter("show");
  const now = useNow();
  return (
    <section class="stack" aria-label="Quota windows">
      <div class="filters">
        <TextField label="Search" type="search" value={search} onText={setSearch} placeholder="Account or provider" />
        <SelectField
          label="Show"
          value={show}
          onText={setShow}
          options={[
            ["", "All accounts with quotas"],
            ["short", "Running short"],
          ]}
        />
      </div>
      <Loaded
        of={quotas}
        isEmpty={({ data }) => !data.some(known)}
        empty={
          <div class="card">
            <p>No quota is known yet.</p>
            <p class="quiet">Windows appear when a provider tells how much of a plan is used, or when you set an allowance on an account.</p>
          </div>
        }
      >
        {({ data }) => {
          const words = search.toLowerCase();
          const found = data
            .filter((quota) => known(quota) && `${quota.name} ${quota.provider}`.toLowerCase().includes(words))
            .filter((quota) => show !== "short" || quota.windows.some((window) => window.state !== "open" || window.exhausts_at !== null))
            .sort((a, b) => worst(b) - worst(a));
          const without = data.filter((quota) => !known(quota)).length;
          return (
            <>
              {found.length === 0 ? (
                <p class="card empty">No account fits. Take a filter away.</p>
              ) : (
                <div class="grid settings">
                  {found.map((quota) => (
                    <Account key={quota.id} quota={quota} now={now} changed={quotas.reload} />
                  ))}
                </div>
              )}
              {without > 0 && (
                <p class="quiet">
                  {without === 1 ? "One connected account has" : `${without} connected accounts have`} no known quota.
                </p>
              )}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

function Quotas() {
  return (
    <>
      <PageHead title="Quotas & limits" about="What is left of each plan, whether it will last, and what stands in the way of requests now." />
      <p class="row legend">
        <Badge tone="good">open</Badge> <Badge tone="warn">reserve</Badge> <Badge tone="bad">used up</Badge>
        <span class="quiet">The upright tick is where an even use would stand by now.</span>
      </p>
      <Windows />
      <Obstacles />
    </>
  );
}

export const page: Page = { path: "/quotas", title: "Quotas & limits", group: "Overview", order: 5, icon: "◔", words: "windows usage plan cooldown breaker rate limit reset", component: Quotas };
