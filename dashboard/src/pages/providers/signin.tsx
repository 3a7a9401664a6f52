import { useState } from "preact/hooks";
import { ApiError, post } from "../../api/client";
import type { LoginProvider, LoginSession } from "../../api/types";
import { Button, Dialog, TextField } from "../../ui/basics";
import { TakeOver } from "./takeover";
import { Waiting } from "./waiting";

type Method = LoginProvider["methods"][number];

const WAYS: Record<Method, [verb: string, about: string]> = {
  browser: ["Sign in with the browser", "A window opens, and comes back here by itself."],
  device: ["Sign in with a code", "Enter a short code on the provider's page, on any device."],
  paste: ["Sign in and paste the address", "For when the browser runs on another machine than OmniRoute."],
  import: ["Take over a sign-in", "From a program that is signed in on OmniRoute's machine, or from its file."],
};
const HERE: Method[] = ["browser", "device", "paste", "import"];
const AWAY: Method[] = ["device", "paste", "import", "browser"];
const atHome = () => /^(localhost|127\.|\[::1\])/.test(location.hostname);

interface SignInProps {
  provider: LoginProvider;
  /** An API key will do instead: shows the form for it. */
  onKey?: (() => void) | undefined;
  onClose: () => void;
  onDone: (accountId: string) => void;
}

/** Everything from the provider's notice to the account that signed in. */
export function SignIn({ provider, onKey, onClose, onDone }: SignInProps) {
  const [agreed, setAgreed] = useState(provider.terms === null || provider.acknowledged);
  const [options, setOptions] = useState<Record<string, string>>({});
  const [session, setSession] = useState<LoginSession | null>(null);
  const [blocked, setBlocked] = useState(false);
  const [taking, setTaking] = useState(false);
  const [problem, setProblem] = useState("");
  const path = `/api/oauth/${encodeURIComponent(provider.provider)}`;

  const begin = async (method: Method) => {
    setProblem("");
    if (method === "import") return setTaking(true);
    // Opened by the click itself, or the browser would block it; where it goes is known only later.
    const opened = method === "device" ? null : window.open("about:blank", "omniroute-sign-in", "popup,width=720,height=860");
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value.trim()));
    try {
      const begun = await post<LoginSession>(method === "device" ? `${path}/device-code` : `${path}/authorize`, { options: given, ...(method !== "device" && { method }) });
      if (opened && begun.url) {
        // From here on neither window reaches the other; the last page closes itself.
        opened.opener = null;
        opened.location.href = begun.url;
      }
      setBlocked(opened === null);
      setSession(begun);
    } catch (error) {
      opened?.close();
      setProblem(error instanceof Error ? error.message : String(error));
      if (!(error instanceof ApiError)) throw error;
    }
  };

  let body;
  if (!agreed) body = <Terms provider={provider} path={path} onAgree={() => setAgreed(true)} onClose={onClose} />;
  else if (taking) body = <TakeOver provider={provider} path={path} onBack={() => setTaking(false)} onDone={onDone} />;
  else if (session) body = <Waiting key={session.id} session={session} path={path} blocked={blocked} onAgain={() => setSession(null)} onClose={onClose} onDone={onDone} />;
  else body = <Choice provider={provider} options={options} onOption={(name, value) => setOptions({ ...options, [name]: value })} onBegin={begin} onKey={onKey} />;
  return (
    <Dialog title={`Sign in at ${provider.name}`} onClose={onClose}>
      <div class="stack">
        {body}
        {problem && !session && (
          <p class="error" role="alert">
            {problem}
          </p>
        )}
      </div>
    </Dialog>
  );
}

interface TermsProps {
  provider: LoginProvider;
  path: string;
  onAgree: () => void;
  onClose: () => void;
}

function Terms({ provider, path, onAgree, onClose }: TermsProps) {
  const agree = async () => {
    await post(`${path}/terms`);
    onAgree();
  };
  return (
    <>
      <p>Before you sign in:</p>
      <p class="notice">{provider.terms}</p>
      <div class="row">
        <Button kind="primary" onClick={agree}>
          I have read this, go on
        </Button>
        <Button autofocus onClick={onClose}>
          Leave it
        </Button>
      </div>
    </>
  );
}

interface ChoiceProps {
  provider: LoginProvider;
  options: Record<string, string>;
  onOption: (name: string, value: string) => void;
  onBegin: (method: Method) => Promise<void> | void;
  onKey?: (() => void) | undefined;
}

function Choice({ provider, options, onOption, onBegin, onKey }: ChoiceProps) {
  const secret = provider.missing_env.length > 0;
  const ways = (atHome() ? HERE : AWAY).filter((method) => provider.methods.includes(method) && (!secret || method === "import"));
  return (
    <>
      {secret && (
        <p class="notice">
          Signing in needs <code>{provider.missing_env.join(", ")}</code> in the environment of the server. Set it, and start OmniRoute again.
        </p>
      )}
      <ul class="stack ways">
        {ways.map((method, at) => (
          <li key={method} class="stack tight">
            <Button kind={at === 0 ? "primary" : "plain"} onClick={() => onBegin(method)}>
              {WAYS[method][0]}
            </Button>
            <span class="hint">{WAYS[method][1]}</span>
          </li>
        ))}
        {onKey && (
          <li class="stack tight">
            <Button onClick={onKey}>Use an API key</Button>
            <span class="hint">Billed by use, not by plan.</span>
          </li>
        )}
      </ul>
      {provider.options.length > 0 && (
        <details>
          <summary>Options</summary>
          <div class="stack">
            {provider.options.map((name) => (
              <TextField key={name} label={name} value={options[name] ?? ""} placeholder={provider.defaults[name] ?? ""} onText={(value) => onOption(name, value)} />
            ))}
          </div>
        </details>
      )}
    </>
  );
}
