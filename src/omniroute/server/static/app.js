// The welcome page: first password, login, endpoint, accounts and keys. Text is only ever set as text.
const $ = (id) => document.getElementById(id);

async function call(method, path, body) {
  const options = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const text = await response.text();
  const data = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(data?.error?.message ?? `The server answered ${response.status}.`);
  return data;
}

function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

function fill(id, rows, empty) {
  const columns = $(id).parentElement.querySelectorAll("th").length;
  const lines = rows.map((row) => {
    const line = document.createElement("tr");
    line.append(...row.map((value) => Object.assign(document.createElement("td"), { textContent: value ?? "" })));
    return line;
  });
  if (!lines.length) {
    const line = document.createElement("tr");
    line.append(Object.assign(document.createElement("td"), { textContent: empty, colSpan: columns }));
    lines.push(line);
  }
  $(id).replaceChildren(...lines);
}

const moment = (seconds) => (seconds === null ? "never" : new Date(seconds * 1000).toLocaleString());

async function refresh() {
  const init = await call("GET", "/api/init");
  $("version").textContent = init.version;
  $("endpoint").textContent = init.endpoint;
  $("key-note").textContent = init.api_key_required
    ? "An API key is required: send it as a bearer token."
    : "From this machine no API key is needed; any placeholder will do.";
  const key = init.api_key_required ? " \\\n  -H 'authorization: Bearer YOUR_KEY'" : "";
  $("curl").textContent =
    `curl -N ${init.endpoint}/chat/completions${key} \\\n  -H 'content-type: application/json' \\\n` +
    `  -d '{"model": "${init.example_model}", "stream": true, "messages": [{"role": "user", "content": "Hello there"}]}'`;
  $("setup").hidden = !init.setup_required;
  $("setup-form").hidden = !init.can_set_password;
  if (!init.can_set_password) $("setup-note").textContent = "No password is set yet. Open this page on the machine itself, or set INITIAL_PASSWORD.";
  $("login").hidden = init.setup_required || init.authenticated;
  $("inside").hidden = $("logout").hidden = !init.authenticated;
  if (init.authenticated) await inside();
}

async function inside() {
  const [accounts, keys] = await Promise.all([call("GET", "/api/providers"), call("GET", "/api/keys")]);
  fill("providers", accounts.data.map((a) => [a.provider_name, a.name, `${a.prefix}/…`, a.source, a.state]), "Nothing is connected yet.");
  fill("keys", keys.data.map((k) => [k.name, k.hint, k.state, moment(k.last_used_at)]), "No keys yet.");
}

function onSubmit(id, work) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("button");
    button.disabled = true;
    say("");
    try {
      await work(Object.fromEntries(new FormData(form)));
      form.reset();
      await refresh();
    } catch (error) {
      say(error.message);
    } finally {
      button.disabled = false;
    }
  });
}

onSubmit("setup-form", async ({ password, again }) => {
  if (password !== again) throw new Error("The two passwords differ.");
  await call("POST", "/api/init", { password });
});
onSubmit("login-form", ({ password }) => call("POST", "/api/auth/login", { password }));
onSubmit("key-form", async ({ name }) => {
  const made = await call("POST", "/api/keys", { name });
  $("new-key").textContent = made.key;
  $("new-key-box").hidden = false;
});
$("logout").addEventListener("click", async () => {
  try {
    await call("POST", "/api/auth/logout", {});
    $("new-key").textContent = "";
    $("new-key-box").hidden = true;
    await refresh();
  } catch (error) {
    say(error.message);
  }
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($(button.dataset.copy).textContent);
      say("Copied.");
    } catch {
      say("The browser did not allow copying; select the text instead.");
    }
  });
}

refresh().catch((error) => say(error.message));
