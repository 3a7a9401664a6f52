import { useEffect, useRef, useState } from "preact/hooks";
import { post } from "../../api/client";
import { ask } from "../../api/stream";
import { useFilter } from "../../app/router";
import { useSession } from "../../app/session";
import { Badge, Button, Copy, SelectField, TextField } from "../../ui/basics";
import { span } from "../../ui/format";
import { Card } from "../../ui/states";
import { SuggestField, useTargets } from "../../ui/suggest";
import { SNIPPETS } from "./snippets";

interface Answer {
  state: "waiting" | "streaming" | "done" | "failed";
  text: string;
  firstMs: number | null;
  totalMs: number | null;
  requestId: string | null;
  provider: string | null;
  problem: string;
}

const NOTHING: Answer = { state: "waiting", text: "", firstMs: null, totalMs: null, requestId: null, provider: null, problem: "" };
const STATES = { waiting: ["info", "waiting"], streaming: ["info", "streaming"], done: ["good", "done"], failed: ["bad", "failed"] } as const;

/** The snippet for a tool, and a request sent from here to see the answer arrive. */
export function RequestStep({ model, onModel }: { model: string; onModel: (model: string) => void }) {
  const { init } = useSession();
  const targets = useTargets();
  const [tool, setTool] = useFilter("tool", SNIPPETS[0]?.name);
  const [key, setKey] = useState("");
  const [text, setText] = useState("Hello from the setup. Please greet me back.");
  const [answer, setAnswer] = useState<Answer | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const wanted = model || init.example_model;
  const snippet = (SNIPPETS.find((one) => one.name === tool) ?? SNIPPETS[0])?.text(init.endpoint, key || (init.api_key_required ? "YOUR_KEY" : "any"), wanted) ?? "";
  const make = async () => setKey((await post<{ key: string }>("/api/keys", { name: "setup" })).key);
  const send = async () => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    const began = performance.now();
    setAnswer(NOTHING);
    try {
      for await (const piece of ask(wanted, text, key, abort.signal)) {
        setAnswer((before) => {
          const old = before ?? NOTHING;
          const first = old.firstMs ?? (piece.text ? performance.now() - began : null);
          return { ...old, state: "streaming", text: old.text + piece.text, firstMs: first, requestId: piece.requestId, provider: piece.provider };
        });
      }
      setAnswer((before) => ({ ...(before ?? NOTHING), state: "done", totalMs: performance.now() - began }));
    } catch (error) {
      if (abort.signal.aborted) return;
      setAnswer((before) => ({ ...(before ?? NOTHING), state: "failed", problem: error instanceof Error ? error.message : String(error) }));
    }
  };
  return (
    <div class="grid settings">
      <Card title="4. Your tool">
        <div class="stack">
          <div class="fields">
            <SelectField label="Tool" value={tool} onText={setTool} options={SNIPPETS.map((one) => [one.name, one.name] as const)} />
            <SuggestField label="Model" value={model} placeholder={init.example_model} options={[...targets.combos, ...targets.models]} onText={onModel} />
          </div>
          {init.api_key_required ? <p class="quiet">Requests need an API key here.</p> : <p class="quiet">From this machine no API key is needed; any placeholder will do.</p>}
          {(init.api_key_required || key) && (
            <div class="row">
              <TextField label="API key" type="password" autocomplete="off" value={key} onText={setKey} />
              {!key && <Button onClick={make}>Make a key</Button>}
            </div>
          )}
          <pre tabIndex={0}>{snippet}</pre>
          <p>
            <Copy text={snippet} label="Copy snippet" />
          </p>
        </div>
      </Card>
      <Card title="A first request">
        <div class="stack">
          <TextField label="Message" value={text} onText={setText} />
          <p>
            <Button kind="primary" onClick={send}>
              Send
            </Button>
          </p>
          {answer && <Arriving answer={answer} />}
        </div>
      </Card>
    </div>
  );
}

function Arriving({ answer }: { answer: Answer }) {
  const [tone, word] = STATES[answer.state];
  return (
    <section class="stack" aria-label="Answer">
      <p class="row" role="status">
        <Badge tone={tone}>{word}</Badge>
        {answer.firstMs !== null && <span>First token after {span(answer.firstMs)}</span>}
        {answer.totalMs !== null && <span>done after {span(answer.totalMs)}</span>}
        {answer.provider && <span class="quiet">from {answer.provider}</span>}
      </p>
      {answer.text && <p class="answer">{answer.text}</p>}
      {answer.problem && (
        <p class="error" role="alert">
          {answer.problem}
        </p>
      )}
      {answer.state === "done" && (
        <p>
          It works. See it in the <a href="/logs">logs</a>, or go <a href="/">home</a>.
        </p>
      )}
    </section>
  );
}
