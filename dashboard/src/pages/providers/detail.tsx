import { useState } from "preact/hooks";
import { go } from "../../app/router";
import { type Listing, patch, post, remove } from "../../api/client";
import { useResource } from "../../api/resource";
import { type Account, type TestResult, TIERS } from "../../api/types";
import { Badge, Button, Copy, Dialog, TextField, Time, Toggle } from "../../ui/basics";
import { count, span } from "../../ui/format";
import { AccountState } from "../../ui/outcome";
import { Card, Loaded, PageHead } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { toast } from "../../ui/toasts";
import { LimitsForm, limitsInWords } from "./limits";
import { LoginFacts } from "./login";
import { CustomModels } from "./models";

interface Model {
  id: string;
  name: string;
  kind: string;
  context: number | null;
  output: number | null;
  tools: boolean | null;
  vision: boolean | null;
  reasoning: boolean | null;
}

const MODELS: Column<Model>[] = [
  { title: "Model", cell: (row) => <span class="mono">{row.id}</span> },
  { title: "Kind", cell: (row) => row.kind },
  { title: "Context", number: true, cell: (row) => count(row.context) },
  { title: "Output", number: true, cell: (row) => count(row.output) },
  { title: "", cell: (row) => <Copy text={row.id} /> },
];

function Test({ account, onDone }: { account: Account; onDone: () => void }) {
  const [result, setResult] = useState<TestResult | null>(null);
  const test = async () => {
    setResult(await post<TestResult>(`/api/providers/${account.id}/test`));
    onDone();
  };
  return (
    <div class="row">
      <Button kind="primary" onClick={test}>
        Test now
      </Button>
      {result && (
        <span role="status">
          <Badge tone={result.ok ? "good" : "bad"}>{result.ok ? "works" : `failed, ${result.status}`}</Badge> {result.message}
          {result.first_token_ms !== null && ` First token after ${span(result.first_token_ms)}.`}
        </span>
      )}
    </div>
  );
}

function Edit({ account, onDone }: { account: Account; onDone: () => void }) {
  const [priority, setPriority] = useState(String(account.priority));
  const [key, setKey] = useState("");
  const save = async () => {
    await patch(`/api/providers/${account.id}`, { priority: Number(priority), ...(key && { api_key: key }) });
    setKey("");
    toast("Saved.");
    onDone();
  };
  return (
    <div class="stack">
      <Toggle label="In use" checked={account.enabled} onToggle={(enabled) => void patch(`/api/providers/${account.id}`, { enabled }).then(onDone)} />
      <TextField label="Priority" type="number" value={priority} onText={setPriority} hint="The lowest is tried first." />
      {!account.login && <TextField label="New API key" type="password" autocomplete="off" value={key} onText={setKey} hint={account.secret_hint ? `Now ${account.secret_hint}` : "None is stored."} />}
      <p>
        <Button onClick={save}>Save</Button>
      </p>
    </div>
  );
}

function Delete({ account }: { account: Account }) {
  const [asking, setAsking] = useState(false);
  const drop = async () => {
    await remove(`/api/providers/${account.id}`);
    toast(`${account.name} is removed.`);
    go("/providers");
  };
  return (
    <>
      <Button kind="danger" onClick={() => setAsking(true)}>
        Remove…
      </Button>
      {asking && (
        <Dialog title={`Remove ${account.name}?`} onClose={() => setAsking(false)}>
          <p>Its credential is deleted with it. Past usage stays in the ledger.</p>
          <div class="row">
            <Button kind="danger" onClick={drop}>
              Remove
            </Button>
            <Button onClick={() => setAsking(false)}>Keep</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

export function Detail({ params }: { params: Record<string, string> }) {
  const path = `/api/providers/${encodeURIComponent(params.id ?? "")}`;
  const account = useResource<Account>(path);
  const models = useResource<Listing<Model>>(`${path}/models`);
  return (
    <Loaded of={account} heading="Account">
      {(data) => (
        <>
          <PageHead title={data.name} about={`${data.provider_name}${data.tier ? ` · ${TIERS[data.tier]}` : ""}`}>
            {!data.read_only && <Delete account={data} />}
          </PageHead>
          <div class="grid settings start">
            <div class="stack">
              <Card title="State">
                <div class="stack">
                  <p>
                    <AccountState of={data} /> {data.last_error}
                  </p>
                  <p class="quiet">
                    Last tested <Time at={data.last_test_at} ago />
                  </p>
                  <Test account={data} onDone={account.reload} />
                </div>
              </Card>
              {data.login && (
                <Card title="Sign-in">
                  <LoginFacts account={data} login={data.login} onDone={account.reload} />
                </Card>
              )}
              <Card title="Account">
                {data.read_only ? <p class="quiet">Managed by {data.source === "builtin" ? "OmniRoute itself" : `the ${data.source}`}; it cannot be changed here.</p> : <Edit key={data.id} account={data} onDone={account.reload} />}
              </Card>
            </div>
            <Card title="Limits">{data.read_only ? <p class="quiet">{limitsInWords(data.limits)}</p> : <LimitsForm key={data.id} account={data} onDone={account.reload} />}</Card>
            <Card title="Models" wide>
              <Loaded of={models} isEmpty={(list) => list.data.length === 0} empty={<p>No models are listed; any name the provider knows can be asked for.</p>}>
                {(list) => <Table label="Models" rows={list.data} columns={MODELS} rowKey={(row) => row.id} />}
              </Loaded>
            </Card>
            <CustomModels provider={data.provider} prefix={data.prefix} onChange={models.reload} />
          </div>
        </>
      )}
    </Loaded>
  );
}
