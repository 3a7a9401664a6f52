import { useState } from "preact/hooks";
import { patch } from "../../api/client";
import { useResource } from "../../api/resource";
import { type RoutedProvider, type Tier, TIERS } from "../../api/types";
import { Button, Dialog, SelectField } from "../../ui/basics";
import { Loaded } from "../../ui/states";
import { FormProblem, useSubmit } from "../../ui/submit";
import { toast } from "../../ui/toasts";
import { StrategyForm } from "../combos/strategy";

const CHOICES = Object.entries(TIERS) as [Tier, string][];

/** Tier and strategy of one provider, tiers of its accounts. */
export function RoutingForm({ provider, onClose, onDone }: { provider: RoutedProvider; onClose: () => void; onDone: () => void }) {
  const strategies = useResource("/api/strategies");
  const [tier, setTier] = useState<string>(provider.tier);
  const [strategy, setStrategy] = useState(provider.strategy ?? "");
  const [options, setOptions] = useState(provider.options);
  const [accounts, setAccounts] = useState<Record<string, string>>({});
  const path = `/api/routing/providers/${encodeURIComponent(provider.id)}`;
  const form = useSubmit(async () => {
    await patch(path, { ...(tier !== provider.tier && { tier }), strategy: strategy || null, options: strategy ? options : {} });
    for (const [id, chosen] of Object.entries(accounts)) await patch(`/api/routing/accounts/${encodeURIComponent(id)}`, { tier: chosen || null });
    toast(`The routing of ${provider.name} is saved.`);
    onDone();
  });
  const reset = async () => {
    await patch(path, { tier: null, strategy: null, options: {} });
    toast(`${provider.name} is routed to as the catalogue says.`);
    onDone();
  };
  const own = provider.accounts.filter((account) => account.editable);
  return (
    <Dialog title={`Routing of ${provider.name}`} onClose={onClose}>
      <form class="stack" onSubmit={form.onSubmit}>
        <SelectField label="Tier" value={tier} onText={setTier} options={CHOICES} hint="Tier by tier: subscriptions first, then keys, cheap ones, free ones." />
        <Loaded of={strategies}>
          {({ data }) => (
            <StrategyForm
              strategies={data}
              name={strategy}
              options={options}
              error={form.errorOf}
              onChange={(name, values) => {
                setStrategy(name);
                setOptions(values);
              }}
            />
          )}
        </Loaded>
        {own.length > 0 && (
          <div class="fields">
            {own.map((account) => (
              <SelectField
                key={account.id}
                label={`Tier of ${account.name}`}
                value={accounts[account.id] ?? (account.own_tier ?? "")}
                onText={(chosen) => setAccounts({ ...accounts, [account.id]: chosen })}
                options={[["", "As the provider"], ...CHOICES]}
              />
            ))}
          </div>
        )}
        <FormProblem of={form} fields={["strategy", "options"]} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Save routing
          </Button>
          <Button onClick={reset}>As in the catalogue</Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
