import { useState } from "preact/hooks";
import type { RequestDetail, Stage as Message, Payload as Stages } from "../../api/types";
import { useResource } from "../../api/resource";
import { Badge, Button, Copy } from "../../ui/basics";
import { bytes } from "../../ui/format";
import { Loaded } from "../../ui/states";

/** JSON with line breaks; anything else as it is. */
function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function Stage({ title, message }: { title: string; message: Message | null }) {
  if (message === null)
    return (
      <p>
        <strong>{title}</strong> <span class="quiet">nothing came</span>
      </p>
    );
  const line = "status" in message ? String(message.status ?? "") : `${message.method} ${"url" in message ? message.url : message.path}`;
  const text = readable(message.body);
  return (
    <details class="stage">
      <summary>
        <strong>{title}</strong> <span class="mono">{line}</span> <span class="quiet">{bytes(message.bytes)}</span> {message.truncated && <Badge tone="warn">cut short</Badge>}
      </summary>
      {"error" in message && message.error && <p class="error">{message.error}</p>}
      <dl class="facts">
        {message.headers.flatMap(([name, value], at) => [
          <dt key={`name ${at}`} class="mono">
            {name}
          </dt>,
          <dd key={`value ${at}`} class="mono">
            {value}
          </dd>,
        ])}
      </dl>
      <pre class="scroll" tabIndex={0} aria-label={`${title}: body`}>
        {text || "(empty)"}
      </pre>
      {text && <Copy text={message.body} label={`Copy ${title.toLowerCase()}`} />}
    </details>
  );
}

/** The four stages of a request that was captured; asked for only when somebody wants to read them. */
export function Payload({ id }: { id: string }) {
  const about = useResource<RequestDetail>(`/api/usage/requests/${encodeURIComponent(id)}`);
  const [wanted, setWanted] = useState(false);
  const payload = useResource<Stages>(wanted ? `/api/usage/requests/${encodeURIComponent(id)}/payload` : null);
  if (!about.data?.captured) return null;
  if (!wanted)
    return (
      <p class="row">
        <Button onClick={() => setWanted(true)}>Show the payload</Button>
        <span class="quiet">Reading it is written to the audit log.</span>
      </p>
    );
  return (
    <section class="stack" aria-label="Payload">
      <h3>Payload</h3>
      <Loaded of={payload}>
        {(data) => (
          <>
            <Stage title="Client's request" message={data.client_request} />
            {data.tries.map((one) => (
              <div key={one.attempt} class="stack">
                <Stage title={`Upstream request ${one.attempt}`} message={one.upstream_request} />
                <Stage title={`Upstream answer ${one.attempt}`} message={one.upstream_answer} />
              </div>
            ))}
            <Stage title="Answer to the client" message={data.client_answer} />
          </>
        )}
      </Loaded>
    </section>
  );
}
