import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, remove } from "../../api/client";
import type { LoginSession, LoginStatus, SignedIn } from "../../api/types";
import { Badge, Button, Copy, TextField } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { FormProblem, useSubmit } from "../../ui/submit";

const GLANCE = 1000;

interface WaitingProps {
  session: LoginSession;
  path: string;
  /** The browser let no window open. */
  blocked: boolean;
  onAgain: () => void;
  onClose: () => void;
  onDone: (accountId: string) => void;
}

/** A sign-in that a person finishes elsewhere. Leaving gives it up. */
export function Waiting({ session, path, blocked, onAgain, onClose, onDone }: WaitingProps) {
  const [status, setStatus] = useState<LoginStatus | null>(null);
  const over = useRef(false);
  const tell = useRef(onDone);
  tell.current = onDone;
  const finish = (accountId: string) => {
    if (over.current) return;
    over.current = true;
    tell.current(accountId);
  };

  useEffect(() => {
    const abort = new AbortController();
    const where = `/api/oauth/sessions/${encodeURIComponent(session.id)}`;
    let timer = 0;
    const look = async () => {
      try {
        const told = await get<LoginStatus>(where, abort.signal);
        setStatus(told);
        if (told.state === "done" && told.account_id) return finish(told.account_id);
        if (told.state === "failed") return void (over.current = true);
      } catch (error) {
        if (abort.signal.aborted) return;
        setStatus({ state: "pending", account_id: null, reason: error instanceof Error ? error.message : String(error), next_poll_at: null });
      }
      timer = window.setTimeout(look, GLANCE);
    };
    void look();
    return () => {
      abort.abort();
      clearTimeout(timer);
      if (!over.current) void remove(where).catch(() => undefined); // it may be over by itself by now
    };
  }, [session.id]);

  if (status?.state === "failed")
    return (
      <>
        <p role="alert">
          <Badge tone="bad">not signed in</Badge> {status.reason}
        </p>
        <div class="row">
          <Button kind="primary" onClick={onAgain}>
            Try again
          </Button>
          <Button onClick={onClose}>Close</Button>
        </div>
      </>
    );
  return (
    <>
      {session.method === "device" ? <Code session={session} /> : <Address session={session} blocked={blocked} />}
      {session.method === "paste" && <Paste session={session} path={path} onDone={finish} />}
      {session.method === "browser" && (
        <details>
          <summary>The window ended at an error page?</summary>
          <Paste session={session} path={path} onDone={finish} />
        </details>
      )}
      <Left session={session} problem={status?.reason} />
      <p>
        <Button onClick={onClose}>Cancel</Button>
      </p>
    </>
  );
}

function Left({ session, problem }: { session: LoginSession; problem?: string | null | undefined }) {
  const left = Math.max(0, Math.floor(session.expires_at - useNow()));
  return (
    <p class="row">
      <span role="status">
        <Badge tone="info">waiting</Badge> {problem}
      </span>
      <span class="quiet">
        {Math.floor(left / 60)}:{String(left % 60).padStart(2, "0")} left
      </span>
    </p>
  );
}

function Code({ session }: { session: LoginSession }) {
  const code = session.user_code ?? "";
  return (
    <>
      <p>
        Open{" "}
        <a href={session.verification_uri_complete ?? session.verification_uri ?? "#"} target="_blank" rel="noreferrer">
          the provider's page
        </a>{" "}
        on any device and enter this code:
      </p>
      <p class="row">
        <strong class="user-code" aria-label="Code">
          {code}
        </strong>
        <Copy text={code} label="Copy code" />
      </p>
      <p class="hint">{session.verification_uri}</p>
    </>
  );
}

function Address({ session, blocked }: { session: LoginSession; blocked: boolean }) {
  const url = session.url ?? "";
  return (
    <>
      <p>{blocked ? "The browser kept the window from opening." : "Finish in the window that opened."}</p>
      <p class="row">
        <a href={url} target="_blank" rel="noreferrer">
          Open the sign-in page
        </a>
        <Copy text={url} label="Copy address" />
      </p>
    </>
  );
}

function Paste({ session, path, onDone }: { session: LoginSession; path: string; onDone: (accountId: string) => void }) {
  const [text, setText] = useState("");
  const form = useSubmit(async () => {
    const signed = await post<SignedIn>(`${path}/exchange`, { session: session.id, text });
    onDone(signed.account_id);
  });
  return (
    <form class="stack" onSubmit={form.onSubmit}>
      <TextField
        label="Address or code"
        required
        autocomplete="off"
        value={text}
        onText={setText}
        error={form.errorOf("text")}
        hint="The address at which the browser ended up, even if it could not open it; or the code that the page shows."
      />
      <FormProblem of={form} fields={["text"]} />
      <p>
        <Button kind="primary" type="submit" disabled={form.busy}>
          Finish
        </Button>
      </p>
    </form>
  );
}
