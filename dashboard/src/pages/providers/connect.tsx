import { useState } from "preact/hooks";
import { ApiError, get, type Listing, post } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Account, LoginProvider, Provider } from "../../api/types";
import { Button, Dialog, TextField } from "../../ui/basics";
import { Loaded } from "../../ui/states";
import { toast } from "../../ui/toasts";
import { SignIn } from "./signin";

interface ConnectProps {
  provider: Provider;
  onClose: () => void;
  onDone: (account: Account) => void;
}

/** One more account of a provider: signed in where people sign in, else by the form for a key. */
export function Connect(props: ConnectProps) {
  const [byKey, setByKey] = useState(false);
  if (props.provider.auth !== "oauth" || byKey) return <KeyForm {...props} />;
  return <SignInOrKey {...props} onKey={() => setByKey(true)} />;
}

function SignInOrKey({ provider, onClose, onDone, onKey }: ConnectProps & { onKey: () => void }) {
  const providers = useResource<Listing<LoginProvider>>("/api/oauth/providers");
  const known = providers.data?.data.find((one) => one.provider === provider.id);
  const done = async (accountId: string) => {
    const account = await get<Account>(`/api/providers/${encodeURIComponent(accountId)}`);
    toast(`${account.name} is connected.`);
    onDone(account);
  };
  if (known) return <SignIn provider={known} onKey={known.takes_key ? onKey : undefined} onClose={onClose} onDone={(id) => void done(id)} />;
  return (
    <Dialog title={`Connect ${provider.name}`} onClose={onClose}>
      <Loaded of={providers}>{() => <p>Nobody signs in at {provider.name} from here yet.</p>}</Loaded>
    </Dialog>
  );
}

/** The form for one more account of a provider. */
function KeyForm({ provider, onClose, onDone }: ConnectProps) {
  const [name, setName] = useState("");
  const [key, setKey] = useState("");
  const [vars, setVars] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<ApiError | null>(null);

  const connect = async (event: Event) => {
    event.preventDefault();
    try {
      const body = { provider: provider.id, url_vars: vars, ...(name && { name }), ...(key && { api_key: key }) };
      const account = await post<Account>("/api/providers", body);
      toast(`${account.name} is connected.`);
      onDone(account);
    } catch (error) {
      setProblem(error instanceof ApiError ? error : new ApiError(0, "unexpected", String(error)));
    }
  };
  const errorOf = (param: string) => (problem?.param === param ? problem.message : undefined);
  return (
    <Dialog title={`Connect ${provider.name}`} onClose={onClose}>
      <form class="stack" onSubmit={connect}>
        {provider.needs_key && (
          <TextField
            label="API key"
            type="password"
            autocomplete="off"
            required
            autofocus
            value={key}
            onText={setKey}
            error={errorOf("api_key")}
            hint={provider.env_keys[0] ? `Sealed at rest, never shown again. It could also come from ${provider.env_keys[0]}.` : "Sealed at rest, never shown again."}
          />
        )}
        {provider.url_vars.map((word) => (
          <TextField key={word} label={word} required value={vars[word] ?? ""} onText={(value) => setVars({ ...vars, [word]: value })} error={errorOf("url_vars")} />
        ))}
        <TextField label="Name" placeholder={provider.name} value={name} onText={setName} error={errorOf("name")} hint="Yours to tell several accounts apart." />
        {problem && !problem.param && (
          <p class="error" role="alert">
            {problem.message}
          </p>
        )}
        <div class="row">
          <Button kind="primary" type="submit">
            Connect
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
