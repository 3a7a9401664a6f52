import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "./basics";

interface ReorderProps<T> {
  /** What the list is of: "Steps". */
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string | number;
  /** How an item is called aloud. */
  nameOf: (item: T, at: number) => string;
  onOrder: (items: T[]) => void;
  onDrop: (item: T) => void;
  children: (item: T, at: number) => ComponentChildren;
}

type Way = "up" | "down";

/** A list whose order can be changed: by dragging the handle, or by the buttons, which work from the keyboard and on a phone. */
export function Reorder<T>({ label, items, keyOf, nameOf, onOrder, onDrop, children }: ReorderProps<T>) {
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const [said, setSaid] = useState("");
  const wanted = useRef<{ key: string | number; way: Way } | null>(null);
  const list = useRef<HTMLOListElement>(null);

  // Moving a node takes the focus from it: give it back to the button that was pressed, or to its opposite at the end of the way.
  useLayoutEffect(() => {
    const { key, way } = wanted.current ?? {};
    if (key === undefined) return;
    wanted.current = null;
    const row = list.current?.children[items.findIndex((item) => keyOf(item) === key)];
    const same = row?.querySelector<HTMLButtonElement>(`[data-way="${way}"]`);
    (same?.disabled ? row?.querySelector<HTMLButtonElement>(`[data-way="${way === "up" ? "down" : "up"}"]`) : same)?.focus();
  });

  const move = (from: number, to: number, way?: Way) => {
    const item = items[from];
    if (item === undefined || to < 0 || to >= items.length || from === to) return;
    const next = items.filter((_, i) => i !== from);
    next.splice(to, 0, item);
    if (way) wanted.current = { key: keyOf(item), way };
    setSaid(`${nameOf(item, from)} is now ${to + 1} of ${items.length}.`);
    onOrder(next);
  };
  const end = () => {
    setDragged(null);
    setOver(null);
  };
  return (
    <>
      <ol ref={list} class="reorder" aria-label={label}>
        {items.map((item, at) => (
          <li
            key={keyOf(item)}
            class={`${dragged === at ? "dragged" : ""} ${over === at && dragged !== null && dragged !== at ? (dragged > at ? "before" : "after") : ""}`}
            onDragOver={(event) => {
              if (dragged === null) return;
              event.preventDefault();
              setOver(at);
            }}
            onDrop={(event) => {
              event.preventDefault();
              if (dragged !== null) move(dragged, at);
              end();
            }}
          >
            <span
              class="handle"
              draggable
              aria-hidden="true"
              title="Drag to move"
              onDragStart={(event) => {
                event.dataTransfer?.setData("text/plain", nameOf(item, at));
                const row = event.currentTarget.parentElement;
                if (row) event.dataTransfer?.setDragImage(row, 12, 12);
                setDragged(at);
              }}
              onDragEnd={end}
            >
              ⋮⋮
            </span>
            <div class="reorder-item">{children(item, at)}</div>
            <span class="reorder-buttons">
              <Button kind="link" data-way="up" disabled={at === 0} aria-label={`Move ${nameOf(item, at)} up`} onClick={() => move(at, at - 1, "up")}>
                ↑
              </Button>
              <Button kind="link" data-way="down" disabled={at === items.length - 1} aria-label={`Move ${nameOf(item, at)} down`} onClick={() => move(at, at + 1, "down")}>
                ↓
              </Button>
              <Button kind="link" aria-label={`Take ${nameOf(item, at)} out`} onClick={() => onDrop(item)}>
                ✕
              </Button>
            </span>
          </li>
        ))}
      </ol>
      <p class="unseen" role="status">
        {said}
      </p>
    </>
  );
}
