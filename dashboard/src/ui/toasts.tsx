import { useEffect, useState } from "preact/hooks";

interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
}

let show: ((toast: Toast) => void) | null = null;
let next = 1;

/** Say something in passing. Errors stay until they are put away. */
export function toast(text: string, tone: "good" | "bad" = "good"): void {
  show?.({ id: next++, text, tone });
}

export function Toasts() {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const drop = (id: number) => setToasts((all) => all.filter((t) => t.id !== id));
  useEffect(() => {
    show = (one) => {
      setToasts((all) => [...all.slice(-3), one]);
      if (one.tone === "good") setTimeout(() => drop(one.id), 4000);
    };
    return () => void (show = null);
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((one) => (
        <div key={one.id} class={`toast ${one.tone}`}>
          <span>{one.text}</span>
          <button type="button" class="button link" aria-label="Put away" onClick={() => drop(one.id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
