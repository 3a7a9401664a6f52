import { useState } from "preact/hooks";
import { get, type Listing, post, withQuery } from "../../api/client";
import type { Importable, LoginProvider, SignedIn } from "../../api/types";
import { Button, TextField, Time } from "../../ui/basics";
import { FormProblem, useSubmit } from "../../ui/submit";

interface TakeOverProps {
  provider: LoginProvider;
  path: string;
  onBack: () => void;
  onDone: (accountId: string) => void;
}

/** Sign-ins of other programs: looked for when asked, or brought as text. */
export function TakeOver({ provider, path, onBack, onDone }: TakeOverProps) {
  const [found, setFound] = useState<Importable[] | null>(null);
  const [text, setText] = useState("");
  const look = async () => setFound((await get<Listing<Importable>>(withQuery("/api/oauth/importable", { provider: provider.provider }))).data);
  const take = async (body: object) => onDone((await post<SignedIn>(`${path}/import`, body)).account_id);
  const form = useSubmit(() => take({ text }));
  return (
    <>
      <p class="row">
        <Button kind="primary" onClick={look}>
          Look on OmniRoute's machine
        </Button>
        <span class="hint">Files of the provider's own program are read, and never changed.</span>
      </p>
      {found?.length === 0 && <p role="status">No program there has a sign-in of {provider.name}.</p>}
      {found && found.length > 0 && (
        <ul class="stack" aria-label="Found sign-ins">
          {found.map((one) => (
            <li key={one.source} class="row spread">
              <span>
                <strong>{one.label ?? provider.name}</strong> <code>{one.path}</code>{" "}
                {one.expires_at !== null && (
                  <span class="quiet">
                    until <Time at={one.expires_at} />
                  </span>
                )}
              </span>
              <Button aria-label={`Take over ${one.path}`} onClick={() => take({ source: one.source })}>
                Take over
              </Button>
            </li>
          ))}
        </ul>
      )}
      <form class="stack" onSubmit={form.onSubmit}>
        <TextField
          label="Or its text"
          type="password"
          autocomplete="off"
          required
          value={text}
          onText={setText}
          error={form.errorOf("text")}
          hint="What such a file of another machine holds, or a token alone. Sealed at rest, never shown again."
        />
        <FormProblem of={form} fields={["text"]} />
        <div class="row">
          <Button type="submit" disabled={form.busy}>
            Take over
          </Button>
          <Button onClick={onBack}>Back</Button>
        </div>
      </form>
    </>
  );
}
