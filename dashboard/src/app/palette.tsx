import { useMemo, useState } from "preact/hooks";
import { Dialog } from "../ui/basics";
import { PAGES } from "./pages";
import { go } from "./router";

/** Where to, by typing: every page by its title and the words it answers to. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return PAGES.filter((page) => page.group).filter((page) => {
      const about = `${page.title} ${page.group} ${page.words ?? ""}`.toLowerCase();
      return words.every((word) => about.includes(word));
    });
  }, [text]);
  const open = (path: string | undefined) => {
    if (!path) return;
    onClose();
    go(path);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      setAt((n) => (found.length ? (n + step + found.length) % found.length : 0));
    } else if (event.key === "Enter") open(found[at]?.path);
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-label="Page"
        aria-activedescendant={found[at] ? `palette-${at}` : undefined}
        placeholder="Type a page or what you look for"
        autofocus
        value={text}
        onInput={(e) => (setText(e.currentTarget.value), setAt(0))}
        onKeyDown={onKey}
      />
      <ul id="palette-list" class="palette" role="listbox" aria-label="Pages">
        {found.map((page, i) => (
          <li key={page.path} id={`palette-${i}`} role="option" aria-selected={i === at} onClick={() => open(page.path)} onMouseEnter={() => setAt(i)}>
            <span aria-hidden="true">{page.icon}</span> {page.title} <span class="quiet">{page.group}</span>
          </li>
        ))}
        {found.length === 0 && <li class="quiet">Nothing is called that.</li>}
      </ul>
    </Dialog>
  );
}
