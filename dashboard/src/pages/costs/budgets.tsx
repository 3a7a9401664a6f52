import { useState } from "preact/hooks";
import type { Budget } from "../../api/types";
import { remove } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Button } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { count, lasting, money, percent } from "../../ui/format";
import { Card, Loaded } from "../../ui/states";
import { Ask } from "../../ui/submit";
import { type Column, Export } from "../../ui/table";
import { toast } from "../../ui/toasts";
import { BudgetForm } from "./budget_form";

const STATES = { ok: ["good", "within"], warning: ["warn", "nearly used up"], exceeded: ["bad", "used up"] } as const;
export const PERIODS = { daily: "Day", weekly: "Week", monthly: "Month" } as const;
const whose = (budget: Budget) => (budget.key_id === null ? "All keys together" : (budget.key_name ?? budget.key_id));

const COLUMNS: Column<Budget>[] = [
  { title: "For", cell: whose, value: whose },
  { title: "Period", cell: (row) => row.period, value: (row) => row.period },
  { title: "USD", cell: (row) => row.usd, value: (row) => row.usd },
  { title: "Used USD", cell: (row) => row.used.usd, value: (row) => row.used.usd },
  { title: "Tokens", cell: (row) => row.tokens, value: (row) => row.tokens },
  { title: "Used tokens", cell: (row) => row.used.tokens, value: (row) => row.used.tokens },
  { title: "Action", cell: (row) => row.action, value: (row) => row.action },
  { title: "State", cell: (row) => row.state, value: (row) => row.state },
  { title: "Refused", cell: (row) => row.refused, value: (row) => row.refused },
];

interface OneProps {
  budget: Budget;
  now: number;
  onEdit: () => void;
  onDrop: () => void;
}

/** How much of a budget is used, how much of it open requests may still take, and when it starts over. */
function One({ budget, now, onEdit, onDrop }: OneProps) {
  const [tone, word] = STATES[budget.state];
  const open = budget.usd ? budget.reserved.usd / budget.usd : budget.tokens ? budget.reserved.tokens / budget.tokens : 0;
  const used = Math.min(1, Math.max(0, budget.share - open));
  const passed = (now - budget.window.start) / (budget.window.end - budget.window.start);
  const name = `${whose(budget)}, ${PERIODS[budget.period].toLowerCase()}`;
  return (
    <li class="stack window" aria-label={name}>
      <div class="row spread">
        <h3>
          {whose(budget)} <span class="quiet">{PERIODS[budget.period].toLowerCase()}</span>
        </h3>
        <Badge tone={tone}>{word}</Badge>
      </div>
      <svg class={`quota ${tone}`} viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label={`${name}: ${percent(budget.share)} used`}>
        <rect class="track" x="0" y="2" width="100" height="8" />
        <rect class="used" x="0" y="2" width={used * 100} height="8" />
        {open > 0 && <rect class="reserve" x={used * 100} y="2" width={Math.min(1 - used, open) * 100} height="8" />}
        <rect class="tick" x={Math.min(99.4, Math.max(0, passed) * 100)} y="0" width="0.6" height="12" />
      </svg>
      <p class="row spread">
        <span>
          <strong>{percent(budget.share)}</strong> used
          {budget.usd !== null && ` · ${money(budget.used.usd)} of ${money(budget.usd)}`}
          {budget.tokens !== null && ` · ${count(budget.used.tokens)} of ${count(budget.tokens)} tokens`}
        </span>
        <span title={new Date(budget.window.end * 1000).toLocaleString()}>starts over in {lasting(budget.window.end - now)}</span>
      </p>
      <div class="row spread">
        <p class="quiet">
          {budget.action === "block" ? "Refuses requests when it is used up" : "Only warns"}, warns from {percent(budget.warn_at)}.{budget.refused > 0 && ` ${count(budget.refused)} refused in this window.`}
        </p>
        <span class="row">
          <Button aria-label={`Edit the budget of ${name}`} onClick={onEdit}>
            Edit
          </Button>
          <Button kind="danger" aria-label={`Remove the budget of ${name}`} onClick={onDrop}>
            Remove
          </Button>
        </span>
      </div>
    </li>
  );
}

/** What may be spent. */
export function Budgets() {
  const budgets = useResource("/api/budgets", { every: 10_000, on: ["usage"], apart: 1500 });
  const [edited, setEdited] = useState<Budget | "new" | null>(null);
  const [dropped, setDropped] = useState<Budget | null>(null);
  const now = useNow();
  const drop = async (budget: Budget) => {
    await remove(`/api/budgets/${encodeURIComponent(budget.id)}`);
    toast("The budget is removed.");
    setDropped(null);
    budgets.reload();
  };
  const done = () => {
    setEdited(null);
    budgets.reload();
  };
  return (
    <Card
      title="Budgets"
      wide
      actions={
        <>
          {budgets.data && budgets.data.data.length > 0 && <Export name="omniroute-budgets" rows={budgets.data.data} columns={COLUMNS} />}
          <Button onClick={() => setEdited("new")}>New budget</Button>
        </>
      }
    >
      <Loaded of={budgets} isEmpty={({ data }) => data.length === 0} empty={<p>There is no budget. One warns you, or refuses requests, when a key or all of them have spent enough.</p>}>
        {({ data }) => (
          <ul class="stack windows">
            {data.map((budget) => (
              <One key={budget.id} budget={budget} now={now} onEdit={() => setEdited(budget)} onDrop={() => setDropped(budget)} />
            ))}
          </ul>
        )}
      </Loaded>
      {edited && <BudgetForm known={edited === "new" ? null : edited} onClose={() => setEdited(null)} onDone={done} />}
      {dropped && <Ask title="Remove this budget?" text={`${whose(dropped)}: nothing is counted or refused for it any more.`} verb="Remove" onYes={() => drop(dropped)} onClose={() => setDropped(null)} />}
    </Card>
  );
}
