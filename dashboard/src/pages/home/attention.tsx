import { useResource } from "../../api/resource";
import { Badge, Time } from "../../ui/basics";
import { percent } from "../../ui/format";
import { AccountState } from "../../ui/outcome";
import { Card, Loaded } from "../../ui/states";

/** Accounts that do not work, providers behind an open breaker, quotas that are used up. */
export function Attention() {
  const accounts = useResource("/api/providers", 30_000);
  const resilience = useResource("/api/resilience", { every: 10_000, on: ["health"] });
  const quotas = useResource("/api/quotas", { every: 30_000, on: ["quotas"], apart: 10_000 });
  const budgets = useResource("/api/budgets", { every: 30_000, on: ["usage"], apart: 10_000 });
  const spent = budgets.data?.data.filter((budget) => budget.state !== "ok") ?? [];
  const breakers = resilience.data?.breakers.filter((breaker) => breaker.state !== "closed") ?? [];
  const cooldowns = resilience.data?.cooldowns ?? [];
  const empty = quotas.data?.data.filter((quota) => quota.windows.some((window) => window.state === "exhausted")) ?? [];
  return (
    <Card title="Needs attention">
      <Loaded of={accounts}>
        {({ data }) => {
          const troubled = data.filter((account) => account.enabled && account.state !== "connected");
          const alone = data.every((account) => account.source === "builtin");
          if (troubled.length + breakers.length + cooldowns.length + empty.length + spent.length === 0 && !alone) return <p class="quiet">Nothing. Every account is in order.</p>;
          return (
            <ul class="stack windows">
              {alone && (
                <li>
                  Only the built-in demo is connected. <a href="/providers">Connect a provider</a>, or let the <a href="/setup">setup</a> lead you.
                </li>
              )}
              {troubled.map((account) => (
                <li key={account.id}>
                  <a href={`/providers/${encodeURIComponent(account.id)}`}>{account.name}</a> <AccountState of={account} /> <span class="quiet">{account.login?.problem ?? account.last_error}</span>
                </li>
              ))}
              {breakers.map((breaker) => (
                <li key={`breaker ${breaker.provider}`}>
                  <a href="/quotas">{breaker.provider}</a> <Badge tone={breaker.state === "open" ? "bad" : "warn"}>{breaker.state === "open" ? "breaker open" : "trying again"}</Badge>
                </li>
              ))}
              {cooldowns.map((cooldown) => (
                <li key={`cooldown ${cooldown.id} ${cooldown.model ?? ""}`}>
                  <a href="/quotas">{cooldown.name ?? cooldown.id}</a> <Badge tone="warn">cooling down</Badge>{" "}
                  <span class="quiet">
                    {cooldown.model} {cooldown.until !== null && <Time at={cooldown.until} ago />}
                  </span>
                </li>
              ))}
              {spent.map((budget) => (
                <li key={`budget ${budget.id}`}>
                  <a href="/costs">{budget.key_id === null ? "Budget of all keys" : `Budget of ${budget.key_name ?? budget.key_id}`}</a>{" "}
                  <Badge tone={budget.state === "exceeded" ? "bad" : "warn"}>{budget.state === "exceeded" ? "used up" : `${percent(budget.share)} used`}</Badge>{" "}
                  <span class="quiet">
                    starts over <Time at={budget.window.end} ago />
                  </span>
                </li>
              ))}
              {empty.map((quota) => (
                <li key={`quota ${quota.id}`}>
                  <a href={`/quotas?q=${encodeURIComponent(quota.name)}`}>{quota.name}</a> <Badge tone="bad">quota used up</Badge> <span class="quiet">{quota.provider}</span>
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Card>
  );
}
