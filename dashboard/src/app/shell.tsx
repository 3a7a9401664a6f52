import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { post } from "../api/client";
import { Button } from "../ui/basics";
import { GROUPS, PAGES } from "./pages";
import { Palette } from "./palette";
import { usePlace } from "./router";
import { useSession } from "./session";
import { type Theme, useTheme } from "./theme";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

function Menu({ onChoose }: { onChoose: () => void }) {
  const { path } = usePlace();
  return (
    <nav class="menu" aria-label="Pages" onClick={onChoose}>
      {GROUPS.map((group) => {
        const pages = PAGES.filter((page) => page.group === group);
        return pages.length === 0 ? null : (
          <div key={group} class="menu-group">
            <h2>{group}</h2>
            {pages.map((page) => {
              const current = page.path === "/" ? path === "/" : path === page.path || path.startsWith(`${page.path}/`);
              return (
                <a key={page.path} href={page.path} aria-current={current ? "page" : undefined}>
                  <span class="menu-icon" aria-hidden="true">
                    {page.icon ?? "·"}
                  </span>
                  {page.title}
                </a>
              );
            })}
          </div>
        );
      })}
    </nav>
  );
}

/** Menu, bar and palette around every page. */
export function Shell({ children }: { children: ComponentChildren }) {
  const { init, refresh } = useSession();
  const [theme, setTheme] = useTheme();
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((open) => !open);
      } else if (event.key === "Escape") setMenu(false);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const leave = async () => {
    await post("/api/auth/logout");
    refresh();
  };
  return (
    <div class={`shell ${menu ? "menu-open" : ""}`}>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <aside class="side">
        <a class="brand" href="/">
          <img src="/icon.svg" alt="" width="24" height="24" /> OmniRoute
        </a>
        <Menu onChoose={() => setMenu(false)} />
        <p class="version">Version {init.version}</p>
      </aside>
      <div class="body">
        <header class="bar">
          <button type="button" class="button link burger" aria-label="Menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>
            ☰
          </button>
          <button type="button" class="search" onClick={() => setPalette(true)}>
            Go to… <kbd>Ctrl K</kbd>
          </button>
          <div class="actions">
            <Button kind="link" aria-label={`Colours: ${theme}`} title={`Colours: ${theme}`} onClick={() => setTheme(NEXT[theme])}>
              {theme === "dark" ? "☾" : theme === "light" ? "☀" : "◐"}
            </Button>
            <Button kind="link" onClick={leave}>
              Log out
            </Button>
          </div>
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
      {menu && <div class="veil" onClick={() => setMenu(false)} />}
      {palette && <Palette onClose={() => setPalette(false)} />}
    </div>
  );
}
