import { useEffect, useState } from "preact/hooks";
import { ApiError, post } from "../../api/client";
import type { DryRun as Answer, Row } from "../../api/types";
import { Badge, Button, Time } from "../../ui/basics";
import { lasting } from "../../ui/format";
import { Card, Skeleton } from "../../ui/states";
import { SuggestField } from "../../ui/suggest";
import { type Column, Table } from "../../ui/table";

const STATES = { next: ["good", "next"], then: ["info", "then"], blocked: ["warn", "blocked"] } as const;
const NEEDS = [
  ["tools", "Calls tools"],
  ["vision", "Has pictures"],
  ["reasoning", "Wants reasoning"],
] as const;

const COLUMNS: Column<Row>[] = [
  { title: "When", cell: (row) => <Badge tone={STATES[row.state][0]}>{STATES[row.state][1]}</Badge>, value: (row) => row.state },
  { title: "Target", cell: (row) => <span class="mono">{row.target}</span>, value: (row) => row.target },
  { title: "Account", cell: (row) => (row.account_id ? <a href={`/providers/${encodeURIComponent(row.account_id)}`}>{row.account}</a> : "–"), value: (row) => row.account },
  {
    title: "Why",
    cell: (row) => (
      <span>
        {row.block && <strong>{row.block.replaceAll("_", " ")}: </strong>}
        {row.reason}
        {row.until !== null && (
          <>
            {" "}
            · ends <Time at={row.until} ago />
          </>
        )}
        {row.timeout !== null && <span class="quiet"> · at most {lasting(row.timeout)} to the first token</span>}
      </span>
    ),
    value: (row) => row.reason,
  },
  { title: "Step", cell: (row) => (row.combo ? <span class="quiet">{`${row.combo}${row.step === null ? "" : ` ${row.step + 1}`}`}</span> : "") },
];

interface DryRunProps {
  model: string;
  /** Without it the model is fixed. */
  onModel?: (model: string) => void;
  options?: readonly string[];
}

/** "Which target now, and why", without calling anybody. */
export function DryRun({ model, onModel, options = [] }: DryRunProps) {
  const [typed, setTyped] = useState(model);
  const [needs, setNeeds] = useState<string[]>([]);
  const [round, setRound] = useState(0);
  const [found, setFound] = useState<{ preview?: Answer; error?: ApiError }>({});
  const [asking, setAsking] = useState(false);

  useEffect(() => setTyped(model), [model]);
  useEffect(() => {
    if (!model) return setFound({});
    let left = false;
    setAsking(true);
    post<Answer>("/api/routing/preview", { model, needs, stream: true })
      .then((preview) => !left && setFound({ preview }))
      .catch((error: unknown) => !left && setFound({ error: error instanceof ApiError ? error : new ApiError(0, "unexpected", String(error)) }))
      .finally(() => !left && setAsking(false));
    return () => void (left = true);
  }, [model, needs.join(), round]);

  const run = (event: Event) => {
    event.preventDefault();
    if (onModel && typed.trim() !== model) onModel(typed.trim());
    else setRound((n) => n + 1);
  };
  const { preview, error } = found;
  return (
    <Card title="Which target now, and why" wide>
      <form class="stack" onSubmit={run}>
        <div class="filters">
          {onModel && <SuggestField label="Model or combo" value={typed} options={options} onText={setTyped} placeholder="What a client would ask for" />}
          <fieldset class="checks">
            <legend>The request</legend>
            {NEEDS.map(([need, text]) => (
              <label key={need} class="toggle">
                <input type="checkbox" checked={needs.includes(need)} onChange={(e) => setNeeds(e.currentTarget.checked ? [...needs, need] : needs.filter((one) => one !== need))} />
                <span>{text}</span>
              </label>
            ))}
          </fieldset>
          <Button type="submit" kind={onModel ? "primary" : "plain"}>
            {onModel ? "Dry run" : "Run again"}
          </Button>
        </div>
        {asking && !preview && !error && <Skeleton lines={2} />}
        {!model && <p class="quiet">Nobody is called: this shows every try in order, and who is blocked until when.</p>}
        {error && (
          <p class="problem" role="alert">
            {error.message}
          </p>
        )}
        {preview && <Found preview={preview} />}
      </form>
    </Card>
  );
}

function Found({ preview }: { preview: Answer }) {
  return (
    <>
      <p>
        <span class="mono">{preview.model}</span> is taken as {preview.kind.replaceAll("_", " ")}: {preview.decision}
      </p>
      {preview.rows.length > 0 && <Table label="Tries in order" rows={preview.rows} columns={COLUMNS} file="omniroute-dry-run" rowKey={(row) => `${preview.rows.indexOf(row)}`} />}
      {preview.outcome && (
        <p role="alert">
          <Badge tone="bad">nobody can serve</Badge> The client would be told: {preview.outcome}
        </p>
      )}
      {preview.left_out.length > 0 && (
        <>
          <h3>Left out</h3>
          <ul>
            {preview.left_out.map(({ step, reason }) => (
              <li key={step}>
                <span class="mono">{step}</span> {reason}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
