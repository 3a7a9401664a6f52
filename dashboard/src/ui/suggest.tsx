import { useId, useMemo } from "preact/hooks";
import { useResource } from "../api/resource";
import { Field } from "./basics";

const MOST = 400;

/** Names that a request can ask for now: combos first, then models of connected providers. */
export function useTargets(): { combos: string[]; models: string[] } {
  const combos = useResource("/api/combos");
  const models = useResource("/api/models/catalog");
  return useMemo(
    () => ({ combos: combos.data?.data.map((combo) => combo.name) ?? [], models: models.data?.data.map((model) => model.id) ?? [] }),
    [combos.data, models.data],
  );
}

interface SuggestProps {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  value: string;
  options: readonly string[];
  onText: (value: string) => void;
  placeholder?: string;
  required?: boolean;
  autofocus?: boolean;
}

/** A text with proposals; anything else may be typed as well. */
export function SuggestField({ label, hint, error, value, options, onText, ...rest }: SuggestProps) {
  const list = useId();
  const fitting = useMemo(() => {
    const words = value.toLowerCase();
    return (options.length > MOST ? options.filter((option) => option.toLowerCase().includes(words)) : options).slice(0, MOST);
  }, [options, value]);
  return (
    <Field label={label} hint={hint} error={error}>
      {(id, about) => (
        <>
          <input id={id} list={list} value={value} autocomplete="off" spellcheck={false} onInput={(e) => onText(e.currentTarget.value)} aria-describedby={about} aria-invalid={!!error} {...rest} />
          <datalist id={list}>
            {fitting.map((option) => (
              <option key={option} value={option} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
