import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Totals } from "../../api/types";
import { Button, SelectField } from "../../ui/basics";
import { Chart } from "../../ui/chart";
import { count, money, percent } from "../../ui/format";
import { Card, Figure, Loaded, PageHead } from "../../ui/states";
import { Breakdown } from "./breakdown";
import { Heat } from "./heat";
import { beginning, RANGES, slots, week } from "./time";

/** A filter of the ledger whose choices are what stands in it. */
function Choice({ label, group, since, value, onText }: { label: string; group: string; since: number; value: string; onText: (value: string) => void }) {
  const totals = useResource(withQuery("/api/usage/totals", { since, group_by: group }));
  const found = totals.data?.data.flatMap((row) => (row.group === null ? [] : [row.group])) ?? [];
  const choices = value && !found.includes(value) ? [value, ...found] : found;
  return <SelectField label={label} value={value} onText={onText} options={[["", "All"], ...choices.map((choice) => [choice, choice] as const)]} />;
}

const sum = (rows: readonly Totals[], of: (row: Totals) => number) => rows.reduce((total, row) => total + of(row), 0);

function Figures({ rows, since }: { rows: readonly Totals[]; since: number }) {
  const input = sum(rows, (row) => row.input_tokens);
  const attempts = sum(rows, (row) => row.attempts);
  const errors = sum(rows, (row) => row.errors);
  const unpriced = sum(rows, (row) => row.unpriced);
  return (
    <div class="figures">
      <Figure label="Requests" value={count(sum(rows, (row) => row.requests))} note={`${count(attempts)} tries`} href={`/logs?since=${since}`} />
      <Figure label="Failed tries" value={count(errors)} note={attempts ? percent(errors / attempts) : undefined} href={`/logs?since=${since}&outcome=error`} />
      <Figure label="Tokens in" value={count(input)} note={input ? `${percent(sum(rows, (row) => row.cached_tokens) / input)} from the prompt cache` : undefined} />
      <Figure label="Tokens out" value={count(sum(rows, (row) => row.output_tokens))} />
      <Figure label="Billed" value={money(sum(rows, (row) => row.cost_usd))} note={unpriced ? `${count(unpriced)} of unknown price` : undefined} />
      <Figure label="Covered by plans" value={money(sum(rows, (row) => row.shadow_cost_usd))} note="at list price" />
    </div>
  );
}

function Charts({ rows, since, daily }: { rows: readonly Totals[]; since: number; daily: boolean }) {
  const found = slots(rows, since, daily);
  const at = found.map((slot) => slot.at);
  const when = (moment: number) => (daily ? new Date(moment * 1000).toLocaleDateString() : new Date(moment * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" }));
  const per = daily ? "a day" : "an hour";
  return (
    <div class="grid settings">
      <Card title={`Tries ${per}`}>
        <Chart
          label="Tries"
          at={at}
          when={when}
          write={count}
          series={[
            { label: "Answered", values: found.map((slot) => slot.attempts - slot.errors) },
            { label: "Failed", values: found.map((slot) => slot.errors) },
          ]}
        />
      </Card>
      <Card title={`Tokens ${per}`}>
        <Chart
          label="Tokens"
          at={at}
          when={when}
          write={count}
          series={[
            { label: "In, new", values: found.map((slot) => Math.max(0, slot.input_tokens - slot.cached_tokens)) },
            { label: "In, cached", values: found.map((slot) => slot.cached_tokens) },
            { label: "Out", values: found.map((slot) => slot.output_tokens) },
          ]}
        />
      </Card>
      <Card title={`Cost ${per}`}>
        <Chart
          label="Cost"
          at={at}
          when={when}
          write={money}
          series={[
            { label: "Billed", values: found.map((slot) => slot.cost_usd) },
            { label: "Covered by plans", values: found.map((slot) => slot.shadow_cost_usd) },
          ]}
        />
      </Card>
      <Card title="When requests come">
        <Heat days={week(rows)} />
        <p class="quiet">Requests by weekday and hour of your time zone; the stronger, the more.</p>
      </Card>
    </div>
  );
}

function Analytics() {
  const [range, setRange] = useFilter("range", "7");
  const [provider, setProvider] = useFilter("provider");
  const [model, setModel] = useFilter("model");
  const [key, setKey] = useFilter("key_id");
  const days = RANGES.some(([value]) => value === range) ? Number(range) : 7;
  const since = beginning(days);
  const query = { since, provider, model, key_id: key };
  // Hours, which become days of the local zone here: the server knows UTC days only.
  const totals = useResource(withQuery("/api/usage/totals", { ...query, group_by: "hour" }), 60_000);
  const filtered = Boolean(provider || model || key);
  const clear = () => {
    setProvider("");
    setModel("");
    setKey("");
  };
  return (
    <>
      <PageHead title="Analytics" about="What was used, what it cost, and when." />
      <div class="filters">
        <SelectField label="Time" value={String(days)} onText={setRange} options={RANGES} />
        <Choice label="Provider" group="provider" since={since} value={provider} onText={setProvider} />
        <Choice label="Model" group="model" since={since} value={model} onText={setModel} />
        <Choice label="API key" group="key_id" since={since} value={key} onText={setKey} />
        {filtered && <Button onClick={clear}>Clear filters</Button>}
      </div>
      <Loaded
        of={totals}
        isEmpty={({ data }) => data.length === 0}
        empty={
          <div class="card">
            <p>No request came in this time{filtered ? " that fits the filters" : ""}.</p>
            {!filtered && (
              <p>
                <a href="/setup">Send a first one</a>
              </p>
            )}
          </div>
        }
      >
        {({ data }) => (
          <>
            <Figures rows={data} since={since} />
            <Charts rows={data} since={since} daily={days > 2} />
          </>
        )}
      </Loaded>
      <Breakdown query={query} />
    </>
  );
}

export const page: Page = { path: "/analytics", title: "Analytics", group: "Usage", order: 42, icon: "∿", words: "tokens cost spend charts usage by model provider key", component: Analytics };
