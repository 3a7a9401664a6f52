import { useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { Button, Dialog } from "./basics";

export interface Submission {
  /** Give this to the form. */
  onSubmit: (event: Event) => Promise<void>;
  busy: boolean;
  problem: ApiError | null;
  /** What was wrong with the field the server calls `param`, or with a part of it (`steps` also takes `steps.0`). */
  errorOf: (param: string) => string | undefined;
}

/** Sends a form by `run`; what the server refuses is kept for the field it is about. */
export function useSubmit(run: () => Promise<unknown>): Submission {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const onSubmit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await run();
    } catch (error) {
      setProblem(error instanceof ApiError ? error : new ApiError(0, "unexpected", String(error)));
    } finally {
      setBusy(false);
    }
  };
  const errorOf = (param: string) => (problem?.param === param || problem?.param?.startsWith(`${param}.`) ? problem.message : undefined);
  return { onSubmit, busy, problem, errorOf };
}

/** What went wrong with no field to show it at; `fields`: those that show theirs. */
export function FormProblem({ of, fields = [] }: { of: Submission; fields?: readonly string[] }) {
  if (!of.problem || fields.some((field) => of.errorOf(field))) return null;
  return (
    <p class="error" role="alert">
      {of.problem.message}
    </p>
  );
}

interface AskProps {
  title: string;
  text: string;
  verb: string;
  onYes: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something that cannot be undone. */
export function Ask({ title, text, verb, onYes, onClose }: AskProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <div class="row">
        <Button kind="danger" onClick={onYes}>
          {verb}
        </Button>
        <Button autofocus onClick={onClose}>
          Keep
        </Button>
      </div>
    </Dialog>
  );
}
