import { useState } from "preact/hooks";
import type { Page } from "../../app/pages";
import { ApiError, post, remove } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Key, NewKey } from "../../api/types";
import { Badge, Button, Copy, Dialog, TextField, Time } from "../../ui/basics";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";

const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);

function Create({ onClose, onMade }: { onClose: () => void; onMade: (plain: string) => void }) {
  const [name, setName] = useState("");
  const [models, setModels] = useState("");
  const [providers, setProviders] = useState("");
  const [days, setDays] = useState("");
  const [problem, setProblem] = useState<ApiError | null>(null);
  const make = async (event: Event) => {
    event.preventDefault();
    try {
      const expires = Number(days) > 0 ? { expires_in: Number(days) * 86_400 } : {};
      const made = await post<NewKey>("/api/keys", { name, models: words(models), providers: words(providers), ...expires });
      onMade(made.key);
    } catch (error) {
      setProblem(error instanceof ApiError ? error : new ApiError(0, "unexpected", String(error)));
    }
  };
  const errorOf = (param: string) => (problem?.param === param ? problem.message : undefined);
  return (
    <Dialog title="New API key" onClose={onClose}>
      <form class="stack" onSubmit={make}>
        <TextField label="Name" required autofocus value={name} onText={setName} error={errorOf("name")} hint="Who or what will use it." />
        <TextField label="Models" value={models} onText={setModels} error={errorOf("models")} hint="Leave empty for all. Several with commas; a * at the end stands for the rest." />
        <TextField label="Providers" value={providers} onText={setProviders} error={errorOf("providers")} hint="Leave empty for all." />
        <TextField label="Expires after days" type="number" value={days} onText={setDays} error={errorOf("expires_in")} hint="Leave empty for never." />
        {problem && !problem.param && (
          <p class="error" role="alert">
            {problem.message}
          </p>
        )}
        <div class="row">
          <Button kind="primary" type="submit">
            Make key
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Plain({ text, onClose }: { text: string; onClose: () => void }) {
  return (
    <Dialog title="Your new key" onClose={onClose}>
      <p>It is shown this once. Copy it now.</p>
      <pre tabIndex={0}>{text}</pre>
      <div class="row">
        <Copy text={text} label="Copy key" />
        <Button onClick={onClose}>Done</Button>
      </div>
    </Dialog>
  );
}

function Keys() {
  const keys = useResource("/api/keys");
  const [creating, setCreating] = useState(false);
  const [plain, setPlain] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<Key | null>(null);

  const rotate = async (key: Key) => {
    const made = await post<NewKey>(`/api/keys/${key.id}/rotate`);
    setPlain(made.key);
    keys.reload();
  };
  const revoke = async (key: Key) => {
    await remove(`/api/keys/${key.id}`);
    toast(`${key.name} no longer works.`);
    setRevoking(null);
    keys.reload();
  };
  const columns: Column<Key>[] = [
    { title: "Name", cell: (row) => row.name },
    { title: "Key", cell: (row) => <span class="mono">{row.hint ?? "–"}</span>, value: (row) => row.hint },
    { title: "May use", cell: (row) => [...row.models, ...row.providers.map((p) => `${p}/*`)].join(", ") || "everything" },
    { title: "State", cell: (row) => <Badge tone={row.state === "active" ? "good" : "warn"}>{row.state}</Badge>, value: (row) => row.state },
    { title: "Last used", cell: (row) => <Time at={row.last_used_at} ago />, value: (row) => row.last_used_at },
    { title: "Expires", cell: (row) => (row.expires_at === null ? "never" : <Time at={row.expires_at} />), value: (row) => row.expires_at },
    {
      title: "",
      cell: (row) =>
        row.read_only ? (
          <span class="quiet">config file</span>
        ) : (
          <span class="row">
            <Button onClick={() => rotate(row)}>Rotate</Button>
            <Button kind="danger" onClick={() => setRevoking(row)}>
              Revoke
            </Button>
          </span>
        ),
    },
  ];
  return (
    <>
      <PageHead title="API keys" about="What clients present to OmniRoute. Providers never see them.">
        <Button kind="primary" onClick={() => setCreating(true)}>
          New key
        </Button>
      </PageHead>
      <Card wide>
        <Loaded of={keys} isEmpty={({ data }) => data.length === 0} empty={<p>There is no key. Programs on this machine need none; others do.</p>}>
          {({ data }) => <Table label="API keys" rows={data} columns={columns} file="omniroute-keys" rowKey={(row) => row.id} />}
        </Loaded>
      </Card>
      {creating && (
        <Create
          onClose={() => setCreating(false)}
          onMade={(text) => {
            setCreating(false);
            setPlain(text);
            keys.reload();
          }}
        />
      )}
      {plain && <Plain text={plain} onClose={() => setPlain(null)} />}
      {revoking && (
        <Dialog title={`Revoke ${revoking.name}?`} onClose={() => setRevoking(null)}>
          <p>Clients that use it are refused from now on. This cannot be undone.</p>
          <div class="row">
            <Button kind="danger" onClick={() => revoke(revoking)}>
              Revoke
            </Button>
            <Button onClick={() => setRevoking(null)}>Keep</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

export const page: Page = { path: "/keys", title: "API keys", group: "System", order: 70, icon: "✱", words: "token client access rotate revoke", component: Keys };
