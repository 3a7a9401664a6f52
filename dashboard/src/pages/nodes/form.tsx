import { useState } from "preact/hooks";
import { patch, post } from "../../api/client";
import { type Node, TIERS } from "../../api/types";
import { Button, Dialog, SelectField, TextField } from "../../ui/basics";
import { FormProblem, useSubmit } from "../../ui/submit";
import { toast } from "../../ui/toasts";

export const FORMATS = [
  ["openai_chat", "OpenAI Chat Completions"],
  ["openai_responses", "OpenAI Responses"],
  ["anthropic", "Anthropic Messages"],
  ["gemini", "Gemini"],
  ["ollama", "Ollama"],
] as const;

const FIELDS = ["prefix", "name", "format", "base_url", "api_key", "models", "tier"];
const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);

/** A new node, or one of the store to be changed. */
export function NodeForm({ node, onClose, onDone }: { node: Node | null; onClose: () => void; onDone: () => void }) {
  const [prefix, setPrefix] = useState(node?.prefix ?? "");
  const [name, setName] = useState(node?.name ?? "");
  const [format, setFormat] = useState<string>(node?.format ?? "openai_chat");
  const [url, setUrl] = useState(node?.base_url ?? "");
  const [key, setKey] = useState("");
  const [models, setModels] = useState(node?.models.join(", ") ?? "*");
  const [tier, setTier] = useState<string>(node?.tier ?? "api_key");
  const form = useSubmit(async () => {
    const body = { name: name || prefix, format, base_url: url, models: words(models), tier, ...(key && { api_key: key }) };
    if (node) await patch(`/api/provider-nodes/${encodeURIComponent(node.id)}`, body);
    else await post("/api/provider-nodes", { prefix, ...body });
    toast(node ? `${node.prefix} is saved.` : `${prefix} is added: ask for ${prefix}/MODEL.`);
    onDone();
  });
  return (
    <Dialog title={node ? `Node ${node.prefix}` : "New node"} onClose={onClose}>
      <form class="stack" onSubmit={form.onSubmit}>
        {!node && <TextField label="Prefix" required autofocus placeholder="lab" value={prefix} onText={setPrefix} error={form.errorOf("prefix")} hint="Clients ask for PREFIX/MODEL." />}
        <TextField label="Name" placeholder={prefix} value={name} onText={setName} error={form.errorOf("name")} />
        <SelectField label="Speaks" value={format} onText={setFormat} options={FORMATS} />
        {form.errorOf("format") && <p class="error">{form.errorOf("format")}</p>}
        <TextField label="Base URL" type="url" required placeholder="http://127.0.0.1:8000/v1" value={url} onText={setUrl} error={form.errorOf("base_url")} hint="As its clients are told it, mostly with /v1 at the end." />
        <TextField label="API key" type="password" autocomplete="off" value={key} onText={setKey} error={form.errorOf("api_key")} hint={node?.has_secret ? "One is stored; leave empty to keep it. Another URL needs it again." : "Leave empty if it asks for none. Sealed at rest."} />
        <TextField label="Models" value={models} onText={setModels} error={form.errorOf("models")} hint="Ids with commas; * accepts any." />
        <SelectField label="Tier" value={tier} onText={setTier} options={Object.entries(TIERS)} hint="Where it stands when tiers decide the order." />
        <FormProblem of={form} fields={FIELDS} />
        <div class="row">
          <Button kind="primary" type="submit" disabled={form.busy}>
            Save node
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
