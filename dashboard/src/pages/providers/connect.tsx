import { useState } from "preact/hooks";
import { ApiError, post } from "../../api/client";
import type { Account, Provider } from "../../api/types";
import { Button, Dialog, TextField } from "../../ui/basics";
import { toast } from "../../ui/toasts";

interface ConnectProps {
  provider: Provider;
  onClose: () => void;
  onDone: (account: Account) => void;
}

/** The form for one more account of a provider. */
export function Connect({ provider, onClose, onDone }: ConnectProps) {
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
