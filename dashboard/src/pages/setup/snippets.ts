// What to write where, for the tools people bring along.

export interface Snippet {
  name: string;
  text: (endpoint: string, key: string, model: string) => string;
}

const root = (endpoint: string) => endpoint.replace(/\/v1$/, "");

export const SNIPPETS: Snippet[] = [
  {
    name: "curl",
    text: (endpoint, key, model) =>
      `curl -N ${endpoint}/chat/completions \\\n  -H 'authorization: Bearer ${key}' \\\n  -H 'content-type: application/json' \\\n  -d '{"model": "${model}", "stream": true, "messages": [{"role": "user", "content": "Hello there"}]}'`,
  },
  { name: "Claude Code", text: (endpoint, key, model) => `export ANTHROPIC_BASE_URL=${root(endpoint)}\nexport ANTHROPIC_AUTH_TOKEN=${key}\nexport ANTHROPIC_MODEL=${model}\nclaude` },
  {
    name: "Codex",
    text: (endpoint, key, model) =>
      `# ~/.codex/config.toml\nmodel = "${model}"\nmodel_provider = "omniroute"\n\n[model_providers.omniroute]\nname = "OmniRoute"\nbase_url = "${endpoint}"\nenv_key = "OMNIROUTE_KEY"\nwire_api = "responses"\n\n# in the shell\nexport OMNIROUTE_KEY=${key}`,
  },
  {
    name: "Python, OpenAI SDK",
    text: (endpoint, key, model) =>
      `from openai import OpenAI\n\nclient = OpenAI(base_url="${endpoint}", api_key="${key}")\nanswer = client.chat.completions.create(\n    model="${model}",\n    messages=[{"role": "user", "content": "Hello there"}],\n)\nprint(answer.choices[0].message.content)`,
  },
  {
    name: "Python, Anthropic SDK",
    text: (endpoint, key, model) =>
      `from anthropic import Anthropic\n\nclient = Anthropic(base_url="${root(endpoint)}", auth_token="${key}")\nanswer = client.messages.create(\n    model="${model}",\n    max_tokens=256,\n    messages=[{"role": "user", "content": "Hello there"}],\n)\nprint(answer.content[0].text)`,
  },
  { name: "Environment variables", text: (endpoint, key) => `OPENAI_BASE_URL=${endpoint}\nOPENAI_API_KEY=${key}\nANTHROPIC_BASE_URL=${root(endpoint)}\nANTHROPIC_AUTH_TOKEN=${key}` },
];
