import { useState } from "preact/hooks";
import { post } from "../api/client";
import { Button, TextField } from "../ui/basics";
import { go } from "./router";
import { useSession } from "./session";

/** The first password, or the login. */
export function Entrance() {
  const { init, refresh } = useSession();
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [problem, setProblem] = useState("");
  const first = init.setup_required;

  const enter = async (event: Event) => {
    event.preventDefault();
    if (first && password !== again) return setProblem("The two passwords differ.");
    try {
      await post(first ? "/api/init" : "/api/auth/login", { password });
      if (first && location.pathname === "/") go("/setup", true);
      refresh();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <main class="entrance">
      <form class="card" onSubmit={enter}>
        <p class="brand">
          <img src="/icon.svg" alt="" width="28" height="28" /> OmniRoute
        </p>
        <h1>{first ? "Set an admin password" : "Log in"}</h1>
        {first && !init.can_set_password ? (
          <p>
            No password is set yet. Open this page on the machine OmniRoute runs on, run <code>omniroute reset-password</code> there, or start with{" "}
            <code>INITIAL_PASSWORD</code>.
          </p>
        ) : (
          <>
            {first && <p class="quiet">Step 1 of 4 of the setup. It protects this dashboard and the admin API. Model requests are not asked for it.</p>}
            <TextField label="Password" type="password" autocomplete={first ? "new-password" : "current-password"} minLength={first ? 8 : 1} required autofocus value={password} onText={setPassword} />
            {first && <TextField label="Once more" type="password" autocomplete="new-password" minLength={8} required value={again} onText={setAgain} />}
            {problem && (
              <p class="error" role="alert">
                {problem}
              </p>
            )}
            <Button kind="primary" type="submit">
              {first ? "Set password" : "Log in"}
            </Button>
          </>
        )}
      </form>
    </main>
  );
}
