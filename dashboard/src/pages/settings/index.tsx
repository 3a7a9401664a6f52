import { useState } from "preact/hooks";
import type { Page } from "../../app/pages";
import { useFilter } from "../../app/router";
import { ApiError, patch, put } from "../../api/client";
import { useResource } from "../../api/resource";
import type { Setting } from "../../api/types";
import { Badge, Button, Field, TextField } from "../../ui/basics";
import { Card, Loaded, PageHead } from "../../ui/states";
import { toast } from "../../ui/toasts";

const text = (value: unknown) => (value === null || value === undefined ? "" : Array.isArray(value) ? value.join(", ") : String(value));

/** What was typed, as the server wants it; null = back to the default. */
function typed(setting: Setting, given: string): unknown {
  if (given.trim() === "") return null;
  if (setting.type === "boolean") return given === "true";
  if (/^(integer|number|size)$/.test(setting.type)) return Number.isNaN(Number(given)) ? given : Number(given);
  if (setting.type === "list") return given.split(",").map((word) => word.trim()).filter(Boolean);
  return given;
}

function Control({ setting, onSaved }: { setting: Setting; onSaved: () => void }) {
  const [value, setValue] = useState(text(setting.value));
  const [problem, setProblem] = useState<string | undefined>();
  const changed = value !== text(setting.value);
  const save = async (given: unknown) => {
    try {
      await patch("/api/settings", { [setting.name]: given });
      setProblem(undefined);
      toast(setting.restart ? `${setting.name} is saved; it counts from the next start.` : `${setting.name} is saved.`);
      onSaved();
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    }
  };
  const choices = setting.type === "boolean" ? ["true", "false"] : setting.choices;
  const label = setting.name.replaceAll("_", " ") + (setting.unit ? ` (${setting.unit})` : "");
  return (
    <div class="setting">
      <Field label={label} hint={setting.help} error={problem}>
        {(id, about) =>
          choices.length ? (
            <select id={id} value={value} disabled={!setting.editable} aria-describedby={about} onChange={(e) => setValue(e.currentTarget.value)}>
              {!choices.includes(value) && <option value={value}>{value || "not set"}</option>}
              {choices.map((choice) => (
                <option key={choice}>{choice}</option>
              ))}
            </select>
          ) : (
            <input id={id} value={setting.secret ? (setting.is_set ? "••••••••" : "") : value} disabled={!setting.editable || setting.secret} aria-describedby={about} onInput={(e) => setValue(e.currentTarget.value)} />
          )
        }
      </Field>
      <div class="row">
        <Badge tone={setting.origin === "default" ? "quiet" : "info"}>{setting.origin}</Badge>
        {changed && (
          <Button kind="primary" onClick={() => save(typed(setting, value))}>
            Save
          </Button>
        )}
        {setting.origin === "database" && <Button onClick={() => save(null)}>Default</Button>}
      </div>
    </div>
  );
}

function Password() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [problem, setProblem] = useState<ApiError | null>(null);
  const change = async (event: Event) => {
    event.preventDefault();
    try {
      await put("/api/auth/password", { current_password: current, new_password: next });
      setCurrent("");
      setNext("");
      setProblem(null);
      toast("The password is changed. Other sessions are logged out.");
    } catch (error) {
      setProblem(error instanceof ApiError ? error : new ApiError(0, "unexpected", String(error)));
    }
  };
  return (
    <Card title="Admin password">
      <form class="stack" onSubmit={change}>
        <TextField label="Present password" type="password" autocomplete="current-password" required value={current} onText={setCurrent} error={problem?.param === "current_password" ? problem.message : undefined} />
        <TextField label="New password" type="password" autocomplete="new-password" minLength={8} required value={next} onText={setNext} error={problem && problem.param !== "current_password" ? problem.message : undefined} />
        <p>
          <Button type="submit">Change password</Button>
        </p>
      </form>
    </Card>
  );
}

function SettingsPage() {
  const settings = useResource("/api/settings");
  const [search, setSearch] = useFilter("q");
  return (
    <>
      <PageHead title="Settings" about="What a flag, a variable or the config file decides is shown, not changed, here.">
        <TextField label="Search" type="search" value={search} onText={setSearch} />
      </PageHead>
      <Loaded of={settings}>
        {({ data }) => {
          const found = data.filter((s) => `${s.name} ${s.help} ${s.section}`.toLowerCase().includes(search.toLowerCase()));
          const sections = [...new Set(found.map((s) => s.section))];
          return (
            <div class="columns">
              {sections.map((section) => (
                <Card key={section} title={section.charAt(0).toUpperCase() + section.slice(1)}>
                  <div class="stack">
                    {found
                      .filter((s) => s.section === section)
                      .map((s) => (
                        <Control key={`${s.name}:${text(s.value)}`} setting={s} onSaved={settings.reload} />
                      ))}
                  </div>
                </Card>
              ))}
              {!search && <Password />}
            </div>
          );
        }}
      </Loaded>
    </>
  );
}

export const page: Page = { path: "/settings", title: "Settings", group: "System", order: 80, icon: "⚙", words: "configuration timeouts security password network", component: SettingsPage };
