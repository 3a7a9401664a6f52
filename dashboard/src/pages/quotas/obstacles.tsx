import { post } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Button, Time } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { Card, Loaded } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";
import type { Breaker, Cooldown, Line } from "../../api/types";

const BREAKERS = { closed: ["good", "closed"], open: ["bad", "open"], half_open: ["warn", "trying again"] } as const;

/** Cooldowns, breakers and waiting lines: each can be taken away. */
export function Obstacles() {
  const state = useResource("/api/resilience", { every: 5000, on: ["health"], always: true });
  const now = useNow(); // the countdowns run on between two answers
  const reset = async (body: Record<string, string>, what: string) => {
    const { unlocked } = await post<{ unlocked: number }>("/api/resilience/reset", body);
    toast(unlocked ? `${what}: the next request finds out anew.` : `${what}: nothing was held against it any more.`);
    state.reload();
  };
  const cooldowns: Column<Cooldown>[] = [
    { title: "Account", cell: (row) => <a href={`/providers/${encodeURIComponent(row.id)}`}>{row.name ?? row.id}</a>, value: (row) => row.name ?? row.id },
    { title: "Provider", cell: (row) => row.provider ?? "" },
    { title: "Model", cell: (row) => (row.model ? <span class="mono">{row.model}</span> : "all"), value: (row) => row.model },
    { title: "Because", cell: (row) => row.reason.replaceAll("_", " ") },
    { title: "Ends", cell: (row) => (row.until === null ? "when you reset it" : <Time at={row.until} ago />), value: (row) => row.until },
    {
      title: "",
      cell: (row) => (
        <Button aria-label={`Reset the cooldown of ${row.name ?? row.id}${row.model ? ` for ${row.model}` : ""}`} onClick={() => reset({ account: row.id, ...(row.model && { model: row.model }) }, row.name ?? row.id)}>
          Reset
        </Button>
      ),
    },
  ];
  const breakers: Column<Breaker>[] = [
    { title: "Provider", cell: (row) => row.provider },
    { title: "Breaker", cell: (row) => <Badge tone={BREAKERS[row.state][0]}>{BREAKERS[row.state][1]}</Badge> },
    { title: "Failures", number: true, cell: (row) => (row.threshold === null ? row.failures : `${row.failures} of ${row.threshold}`) },
    { title: "Opened", number: true, cell: (row) => `${row.opened}×` },
    { title: "Next look", cell: (row) => (row.until === null ? "" : row.until <= now ? "with the next request" : <Time at={row.until} ago />) },
    {
      title: "",
      cell: (row) => (
        <Button aria-label={`Reset the breaker of ${row.provider}`} onClick={() => reset({ provider: row.provider }, row.provider)}>
          Reset
        </Button>
      ),
    },
  ];
  const lines: Column<Line>[] = [
    { title: "Account", cell: (row) => row.name ?? row.id },
    { title: "Waiting", number: true, cell: (row) => row.waiting },
  ];
  return (
    <Card title="In the way now" wide actions={<Button onClick={() => reset({}, "Everything")}>Reset all</Button>}>
      <Loaded of={state} isEmpty={(data) => data.cooldowns.length + data.breakers.length + data.queue.length === 0} empty={<p>Nothing is held against any account or provider.</p>}>
        {(data) => (
          <div class="stack">
            {data.cooldowns.length > 0 && (
              <>
                <h3>Cooldowns</h3>
                <Table label="Cooldowns" rows={data.cooldowns} columns={cooldowns} file="omniroute-cooldowns" rowKey={(row) => `${row.id} ${row.model ?? ""}`} />
              </>
            )}
            {data.breakers.length > 0 && (
              <>
                <h3>Breakers</h3>
                <Table label="Breakers" rows={data.breakers} columns={breakers} file="omniroute-breakers" rowKey={(row) => row.provider} />
              </>
            )}
            {data.queue.length > 0 && (
              <>
                <h3>Waiting in line</h3>
                <Table label="Waiting lines" rows={data.queue} columns={lines} file="omniroute-lines" rowKey={(row) => row.id} />
              </>
            )}
          </div>
        )}
      </Loaded>
    </Card>
  );
}
