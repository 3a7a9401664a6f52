import { useState } from "preact/hooks";
import { put, remove } from "../../api/client";
import { type Resource, useResource } from "../../api/resource";
import type { CaptureState, CaptureView } from "../../api/types";
import { Badge, Button, Dialog, SelectField, Time } from "../../ui/basics";
import { bytes, plural } from "../../ui/format";
import { Loaded } from "../../ui/states";
import { FormProblem, useSubmit } from "../../ui/submit";
import { toast } from "../../ui/toasts";

const LASTS = [
  ["900", "15 minutes"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["", "Until it is switched off"],
] as const;

const whose = (rule: CaptureView) => (rule.key_id === null ? "Every request" : `Requests of ${rule.key_name ?? rule.key_id}`);

function Settings({ of, onClose }: { of: Resource<CaptureState>; onClose: () => void }) {
  const keys = useResource("/api/keys");
  const [key, setKey] = useState("");
  const [seconds, setSeconds] = useState("900");
  const form = useSubmit(async () => {
    await put("/api/capture", { key_id: key || null, seconds: seconds === "" ? null : Number(seconds) });
    toast("Payloads are captured from now on.");
    of.reload();
  });
  const stop = async (rule: CaptureView) => {
    await remove(`/api/capture?key_id=${encodeURIComponent(rule.key_id ?? "")}`);
    toast("No longer captured.");
    of.reload();
  };
  const forget = async () => {
    const { removed } = await remove<{ removed: number }>("/api/capture/stored");
    toast(`${plural(removed, "captured request")} forgotten.`);
    of.reload();
  };
  return (
    <Dialog title="Capture payloads" onClose={onClose}>
      <p class="quiet">What clients send and get, and what goes to and comes from upstreams, is kept for a few days: everything people wrote. Credentials are taken out, reading one is written to the audit log.</p>
      <Loaded of={of}>
        {({ data, stored }) => (
          <div class="stack">
            {data.map((rule) => (
              <p key={rule.key_id ?? ""} class="row spread">
                <span>
                  <Badge tone="warn">capturing</Badge> {whose(rule)}, <span class="quiet">{rule.until === null ? "until it is switched off" : <>ends <Time at={rule.until} ago /></>}</span>
                </span>
                <Button aria-label={`Stop capturing: ${whose(rule)}`} onClick={() => stop(rule)}>
                  Stop
                </Button>
              </p>
            ))}
            <p class="row spread">
              <span>
                {plural(stored.count, "request")} kept, {bytes(stored.bytes)}
              </span>
              {stored.count > 0 && (
                <Button kind="danger" onClick={forget}>
                  Forget them
                </Button>
              )}
            </p>
          </div>
        )}
      </Loaded>
      <form class="stack" onSubmit={form.onSubmit}>
        <div class="fields">
          <SelectField label="Capture" value={key} onText={setKey} options={[["", "Every request"], ...(keys.data?.data ?? []).map((one) => [one.id, `Requests of ${one.name}`] as const)]} />
          <SelectField label="For" value={seconds} onText={setSeconds} options={LASTS} />
        </div>
        <FormProblem of={form} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Start
          </Button>
          <Button onClick={onClose}>Close</Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Whether payloads are captured now, and changing that. */
export function Capture() {
  const captures = useResource("/api/capture", 30_000);
  const [open, setOpen] = useState(false);
  const on = captures.data !== undefined && captures.data.data.length > 0;
  return (
    <>
      <Button onClick={() => setOpen(true)}>{on ? "Capturing payloads…" : "Capture payloads…"}</Button>
      {open && <Settings of={captures} onClose={() => setOpen(false)} />}
    </>
  );
}
