import type { Strategy, StrategyField } from "../../api/types";
import { Field, SelectField, TextField, Toggle } from "../../ui/basics";

interface StrategyProps {
  strategies: readonly Strategy[];
  name: string;
  options: Record<string, unknown>;
  onChange: (name: string, options: Record<string, unknown>) => void;
  error: (param: string) => string | undefined;
}

/** The strategy, and what can be set of it, drawn from what the server says of its fields. */
export function StrategyForm({ strategies, name, options, onChange, error }: StrategyProps) {
  const chosen = strategies.find((strategy) => strategy.name === name);
  const set = (field: string, value: unknown) => {
    const next = { ...options, [field]: value };
    if (value === undefined) delete next[field];
    onChange(name, next);
  };
  return (
    <div class="stack">
      <SelectField
        label="Strategy"
        value={name}
        hint={chosen?.help ?? "The one of the settings."}
        onText={(next) => onChange(next, {})}
        options={[["", "As in the settings"], ...strategies.map((strategy) => [strategy.name, strategy.name] as const)]}
      />
      {error("strategy") && <p class="error">{error("strategy")}</p>}
      {chosen && chosen.fields.length > 0 && (
        <div class="fields">
          {chosen.fields.map((field) => (
            <Option key={`${chosen.name}.${field.name}`} field={field} value={options[field.name]} onValue={(value) => set(field.name, value)} />
          ))}
        </div>
      )}
      {error("options") && (
        <p class="error" role="alert">
          {error("options")}
        </p>
      )}
    </div>
  );
}

const label = (name: string) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

function Option({ field, value, onValue }: { field: StrategyField; value: unknown; onValue: (value: unknown) => void }) {
  const shown = value ?? field.default;
  if (field.type === "boolean")
    return (
      <Field label={label(field.name)} hint={field.help}>
        {() => <Toggle label={shown ? "On" : "Off"} checked={Boolean(shown)} onToggle={onValue} />}
      </Field>
    );
  if (field.choices.length) return <SelectField label={label(field.name)} hint={field.help} value={String(shown)} onText={onValue} options={field.choices.map((choice) => [choice, choice] as const)} />;
  const numeric = field.type !== "text";
  const range = numeric && field.minimum !== null && field.maximum !== null ? ` ${field.minimum} to ${field.maximum}.` : "";
  return (
    <TextField
      label={label(field.name)}
      hint={`${field.help}${range}`}
      type={numeric ? "number" : "text"}
      {...(field.type === "number" && { step: "any" as const })}
      placeholder={String(field.default ?? "")}
      value={value === undefined || value === null ? "" : String(value)}
      onText={(text) => onValue(text === "" ? undefined : numeric ? Number(text) : text)}
    />
  );
}
