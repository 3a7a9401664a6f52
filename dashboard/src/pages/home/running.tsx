import type { ActiveRequest as Row } from "../../api/types";
import { ApiError, post } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Button } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { count, lasting, money } from "../../ui/format";
import { Card, Loaded } from "../../ui/states";
import { type Column, Export, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";

const STATES = { queued: ["warn", "in line"], waiting: ["info", "waiting"], streaming: ["good", "answering"] } as const;

const columns = (now: number): Column<Row>[] => [
  { title: "Asked for", cell: (row) => <span class="mono">{row.model}</span>, value: (row) => row.model },
  { title: "State", cell: (row) => (row.cancelling ? <Badge tone="warn">being cancelled</Badge> : <Badge tone={STATES[row.state][0]}>{STATES[row.state][1]}</Badge>), value: (row) => row.state },
  { title: "At", cell: (row) => (row.provider ? <span class="mono">{`${row.provider}/${row.upstream_model ?? ""}`}</span> : <span class="quiet">nobody yet</span>), value: (row) => row.provider },
  { title: "For", number: true, cell: (row) => lasting(now - row.started_at), value: (row) => row.seconds },
  { title: "Tries", number: true, cell: (row) => row.attempts, value: (row) => row.attempts },
  { title: "Out", number: true, cell: (row) => `~${count(row.output_tokens)}`, value: (row) => row.output_tokens },
  { title: "Cost", number: true, cell: (row) => money(row.cost_usd), value: (row) => row.cost_usd },
];

/** Requests being served, and ending one. */
export function Running() {
  const running = useResource("/api/requests/active", { every: 2000, on: ["in_flight", "usage"], always: true });
  const now = useNow();
  const cancel = async (row: Row) => {
    try {
      await post(`/api/requests/${encodeURIComponent(row.request_id)}/cancel`);
      toast("The request is being cancelled; its client is told.");
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      toast("The request had just ended.");
    }
    running.reload();
  };
  const shown = columns(now);
  const all: Column<Row>[] = [
    ...shown,
    {
      title: "",
      cell: (row) => (
        <Button kind="danger" disabled={row.cancelling} aria-label={`Cancel request ${row.request_id}`} onClick={() => cancel(row)}>
          Cancel
        </Button>
      ),
    },
  ];
  return (
    <Card title="In flight" wide actions={running.data && running.data.data.length > 0 && <Export name="omniroute-in-flight" rows={running.data.data} columns={shown} />}>
      <Loaded of={running} isEmpty={({ data }) => data.length === 0} empty={<p class="quiet">No request is being served at the moment.</p>}>
        {({ data }) => <Table label="Requests in flight" rows={data} columns={all} rowKey={(row) => row.request_id} />}
      </Loaded>
    </Card>
  );
}
