import { useState } from "preact/hooks";
import { type Listing, post } from "../../api/client";
import { useResource } from "../../api/resource";
import { type Account, type Provider, type TestResult, TIERS } from "../../api/types";
import { Badge, Button, TextField } from "../../ui/basics";
import { span } from "../../ui/format";
import { AccountState } from "../../ui/outcome";
import { Card, Loaded } from "../../ui/states";
import { Connect } from "../providers/connect";

const MOST = 6;
/** Plans that are paid for already come first. */
const rank = (provider: Provider) => Object.keys(TIERS).indexOf(provider.tier);

function Connected({ account }: { account: Account }) {
  const [result, setResult] = useState<TestResult | null>(null);
  return (
    <li class="row">
      <strong>{account.name}</strong> {account.provider_name !== account.name && <span class="quiet">{account.provider_name}</span>} <AccountState of={account} />
      <Button aria-label={`Test ${account.name} of ${account.provider_name}`} onClick={async () => setResult(await post<TestResult>(`/api/providers/${account.id}/test`))}>
        Test
      </Button>
      {result && (
        <span role="status">
          <Badge tone={result.ok ? "good" : "bad"}>{result.ok ? "works" : "failed"}</Badge> {result.first_token_ms === null ? result.message : `First token after ${span(result.first_token_ms)}.`}
        </span>
      )}
    </li>
  );
}

/** Connect an account, or go on with the built-in demo. */
export function ProviderStep({ onNext }: { onNext: () => void }) {
  const accounts = useResource<Listing<Account>>("/api/providers");
  const catalogue = useResource<Listing<Provider>>("/api/providers/catalogue");
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState<Provider | null>(null);
  const own = accounts.data?.data.filter((account) => account.source !== "builtin") ?? [];
  return (
    <Card title="2. Connect a provider" wide>
      <div class="stack">
        <Loaded of={accounts}>
          {({ data }) => (
            <ul class="stack windows" aria-label="Connected accounts">
              {data.map((account) => (
                <Connected key={account.id} account={account} />
              ))}
            </ul>
          )}
        </Loaded>
        <TextField label="Find a provider" type="search" value={search} onText={setSearch} placeholder="Name or prefix" />
        <Loaded of={catalogue}>
          {({ data }) => {
            const words = search.toLowerCase();
            const fits = (one: Provider) => one.state !== "not supported" && one.needs_key && `${one.name} ${one.id} ${one.prefix}`.toLowerCase().includes(words);
            const found = data.filter(fits).sort((one, other) => rank(one) - rank(other));
            return (
              <div class="grid">
                {found.slice(0, MOST).map((one) => (
                  <article key={one.id} class="card stack">
                    <h3>{one.name}</h3>
                    <p class="quiet">{TIERS[one.tier]}</p>
                    <p>
                      <Button aria-label={`Connect ${one.name}`} onClick={() => setChosen(one)}>
                        Connect
                      </Button>
                    </p>
                  </article>
                ))}
                {found.length > MOST && <p class="quiet">{found.length - MOST} more: type to find them.</p>}
                {found.length === 0 && (
                  <p>
                    No provider is called that. Anything that speaks a known format can be a <a href="/nodes">custom node</a>.
                  </p>
                )}
              </div>
            );
          }}
        </Loaded>
        <p class="row">
          <Button kind="primary" onClick={onNext}>
            {own.length ? "Next" : "Go on with the demo"}
          </Button>
          {own.length === 0 && <span class="quiet">The demo answers without any account and costs nothing.</span>}
        </p>
      </div>
      {chosen && (
        <Connect
          provider={chosen}
          onClose={() => setChosen(null)}
          onDone={() => {
            setChosen(null);
            setSearch("");
            accounts.reload();
          }}
        />
      )}
    </Card>
  );
}
