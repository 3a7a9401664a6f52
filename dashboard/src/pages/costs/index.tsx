import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import { SelectField } from "../../ui/basics";
import { count, money, percent, plural } from "../../ui/format";
import { Figure, Loaded, PageHead } from "../../ui/states";
import { beginning, RANGES } from "../analytics/time";
import { Budgets } from "./budgets";
import { Prices } from "./prices";
import { Spend } from "./spend";

function Sums({ since }: { since: number }) {
  const totals = useResource(withQuery("/api/usage/totals", { since }), { every: 30_000, on: ["usage"], apart: 10_000 });
  return (
    <Loaded of={totals}>
      {({ data: [sum] }) => {
        if (!sum) return null;
        const worth = sum.cost_usd + sum.shadow_cost_usd;
        return (
          <div class="figures">
            <Figure label="Billed" value={money(sum.cost_usd)} note={sum.unpriced ? `${count(sum.unpriced)} tries of unknown price` : "by the prices below"} />
            <Figure label="Saved by plans" value={money(sum.shadow_cost_usd)} note={worth ? `${percent(sum.shadow_cost_usd / worth)} of what all would cost at list price` : "list price of what cost nothing"} />
            <Figure label="A request, on average" value={sum.requests ? money(sum.cost_usd / sum.requests) : "–"} note={plural(sum.requests, "request")} href={`/logs?since=${since}`} />
            <Figure label="Read from prompt caches" value={sum.input_tokens ? percent(sum.cached_tokens / sum.input_tokens) : "–"} note={`of ${count(sum.input_tokens)} tokens in`} />
          </div>
        );
      }}
    </Loaded>
  );
}

function Costs() {
  const [range, setRange] = useFilter("range", "30");
  const days = RANGES.some(([value]) => value === range) ? Number(range) : 30;
  const since = beginning(days);
  return (
    <>
      <PageHead title="Costs & budgets" about="What was spent, what plans saved, what may be spent, and by which prices.">
        <SelectField label="Time" value={String(days)} onText={setRange} options={RANGES} />
      </PageHead>
      <Sums since={since} />
      <Budgets />
      <Spend since={since} daily={days > 1} />
      <Prices />
    </>
  );
}

export const page: Page = { path: "/costs", title: "Costs & budgets", group: "Usage", order: 40, icon: "$", words: "spend money price pricing budget limit saved subscription billed override", component: Costs };
