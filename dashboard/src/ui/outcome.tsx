import type { Account, Try } from "../api/types";
import { Badge } from "./basics";

const OUTCOMES = { ok: ["good", "ok"], open: ["info", "running"], aborted: ["quiet", "client left"], truncated: ["warn", "cut off"], error: ["bad", "error"] } as const;

export function Outcome({ of }: { of: Try }) {
  const [tone, word] = OUTCOMES[of.outcome];
  return (
    <Badge tone={tone}>
      {word}
      {of.outcome === "error" && ` ${of.status}`}
    </Badge>
  );
}

export function AccountState({ of }: { of: Account }) {
  const tone = of.state === "connected" ? "good" : of.state === "failing" ? "bad" : of.state === "disabled" ? "quiet" : "warn";
  return <Badge tone={tone}>{of.state === "disabled" ? "paused" : of.state}</Badge>;
}
