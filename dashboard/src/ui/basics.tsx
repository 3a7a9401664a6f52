import type { ComponentChildren, JSX, TargetedMouseEvent } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { lasting } from "./format";
import { toast } from "./toasts";

type Tone = "good" | "warn" | "bad" | "info" | "quiet";
const MARKS: Record<Tone, string> = { good: "●", warn: "▲", bad: "■", info: "◆", quiet: "○" };

/** A state in one word; its mark says the same as its colour. */
export function Badge({ tone = "quiet", children }: { tone?: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <span aria-hidden="true">{MARKS[tone]}</span> {children}
    </span>
  );
}

interface ButtonProps extends Omit<JSX.IntrinsicElements["button"], "onClick" | "type"> {
  kind?: "primary" | "plain" | "danger" | "link";
  /** While what it returns is pending the button is busy; a failure becomes a toast. */
  onClick?: (event: TargetedMouseEvent<HTMLButtonElement>) => unknown;
  type?: "button" | "submit";
}

export function Button({ kind = "plain", onClick, type = "button", class: extra, disabled, ...rest }: ButtonProps) {
  const [busy, setBusy] = useState(false);
  const press = async (event: TargetedMouseEvent<HTMLButtonElement>) => {
    const result = onClick?.(event);
    if (!(result instanceof Promise)) return;
    setBusy(true);
    try {
      await result;
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "bad");
    } finally {
      setBusy(false);
    }
  };
  return <button type={type} class={`button ${kind} ${extra ?? ""}`} onClick={press} disabled={disabled || busy} aria-busy={busy} {...rest} />;
}

/** Text that can be taken along by one click. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const take = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <Button class="copy" onClick={take} aria-label={`${label}: ${text.length > 60 ? "text" : text}`}>
      {done ? "Copied" : label}
    </Button>
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  children: (id: string, describedBy: string | undefined) => ComponentChildren;
}

/** A labelled control with its hint and its error. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const about = hint || error ? `${id}-about` : undefined;
  return (
    <div class={`field ${error ? "wrong" : ""}`}>
      <label for={id}>{label}</label>
      {children(id, about)}
      {about && (
        <p id={about} class={error ? "error" : "hint"}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

interface TextProps {
  type?: "text" | "password" | "number" | "url" | "search" | "date";
  placeholder?: string;
  autocomplete?: "new-password" | "current-password" | "off";
  required?: boolean;
  autofocus?: boolean;
  minLength?: number;
  min?: number;
  max?: number;
  /** Numbers are whole unless this says `any`. */
  step?: "any";
  disabled?: boolean;
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  value: string;
  onText: (value: string) => void;
}

export function TextField({ label, hint, error, value, onText, ...rest }: TextProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(id, about) => (
        <input id={id} value={value} onInput={(e) => onText(e.currentTarget.value)} aria-describedby={about} aria-invalid={!!error} {...(rest as object)} />
      )}
    </Field>
  );
}

interface SelectProps {
  label: string;
  hint?: ComponentChildren;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onText: (value: string) => void;
}

export function SelectField({ label, hint, value, options, onText }: SelectProps) {
  return (
    <Field label={label} hint={hint}>
      {(id, about) => (
        <select id={id} value={value} onChange={(e) => onText(e.currentTarget.value)} aria-describedby={about}>
          {options.map(([option, text]) => (
            <option key={option} value={option}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function Toggle({ label, checked, onToggle }: { label: string; checked: boolean; onToggle: (on: boolean) => void }) {
  return (
    <label class="toggle">
      <input type="checkbox" role="switch" checked={checked} onChange={(e) => onToggle(e.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

/** Unix seconds as local time, UTC on hover; `ago`: how long since. */
export function Time({ at, ago = false }: { at: number | null | undefined; ago?: boolean }) {
  if (at === null || at === undefined) return <span class="quiet">never</span>;
  const date = new Date(at * 1000);
  const passed = Date.now() / 1000 - at;
  const text = ago ? (passed >= 0 ? `${lasting(passed)} ago` : `in ${lasting(-passed)}`) : date.toLocaleString();
  return (
    <time dateTime={date.toISOString()} title={`${date.toISOString().replace("T", " ").slice(0, 19)} UTC`}>
      {text}
    </time>
  );
}

/** A window over the page. Escape and a click outside close it; the focus returns to where it was. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the next key can come: what is typed after the shortcut belongs into the window.
  useLayoutEffect(() => {
    const dialog = box.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      // Taken out of the page while open, the window itself no longer gives the focus back.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={box} class="dialog" aria-labelledby={id} onCancel={(e) => (e.preventDefault(), onClose())} onClick={(e) => e.target === box.current && onClose()}>
      <div class="dialog-body">
        <header>
          <h2 id={id}>{title}</h2>
          <Button kind="link" aria-label="Close" onClick={onClose}>
            ✕
          </Button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
