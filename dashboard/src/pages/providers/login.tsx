import { useState } from "preact/hooks";
import { get, type Listing, post } from "../../api/client";
import type { Account, Login, LoginProvider } from "../../api/types";
import { Badge, Button, Time } from "../../ui/basics";
import { toast } from "../../ui/toasts";
import { SignIn } from "./signin";

/** Whose sign-in an account is, how long it lasts, and what to do when it does not. */
export function LoginFacts({ account, login, onDone }: { account: Account; login: Login; onDone: () => void }) {
  const [again, setAgain] = useState<LoginProvider | null>(null);
  const refresh = async () => {
    await post(`/api/providers/${encodeURIComponent(account.id)}/refresh`);
    toast("The sign-in is renewed.");
    onDone();
  };
  const signIn = async () => {
    const { data } = await get<Listing<LoginProvider>>("/api/oauth/providers");
    setAgain(data.find((one) => one.provider === account.provider) ?? null);
  };
  return (
    <div class="stack">
      {login.problem && (
        <p role="alert">
          <Badge tone="bad">sign in again</Badge> {login.problem}
        </p>
      )}
      <dl class="facts">
        <dt>As</dt>
        <dd>{login.email ?? "not told"}</dd>
        <dt>Plan</dt>
        <dd>{login.plan ?? "not told"}</dd>
        <dt>Good until</dt>
        <dd>
          {login.expires_at === null ? "no end told" : <Time at={login.expires_at} ago />}
          {login.renews && login.expires_at !== null && !login.problem && <span class="quiet">, renewed before</span>}
        </dd>
        <dt>Last renewed</dt>
        <dd>
          <Time at={login.refreshed_at} ago />
        </dd>
        <dt>Signed in</dt>
        <dd>
          <Time at={login.created_at} ago /> <span class="quiet">by {login.method}</span>
        </dd>
      </dl>
      <div class="row">
        {login.renews && <Button onClick={refresh}>Refresh now</Button>}
        <Button kind={login.problem ? "primary" : "plain"} onClick={signIn}>
          Sign in again
        </Button>
      </div>
      {again && (
        <SignIn
          provider={again}
          onClose={() => setAgain(null)}
          onDone={(id) => {
            setAgain(null);
            toast(id === account.id ? "Signed in again." : "That was somebody else: another account is connected.");
            onDone();
          }}
        />
      )}
    </div>
  );
}
