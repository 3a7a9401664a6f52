import { render } from "preact";
import { useEffect } from "preact/hooks";
import { useResource } from "./api/resource";
import { Entrance } from "./app/entrance";
import { PAGES } from "./app/pages";
import { match, takeOverLinks, usePlace } from "./app/router";
import { SessionContext } from "./app/session";
import { Shell } from "./app/shell";
import { Loaded } from "./ui/states";
import { Toasts } from "./ui/toasts";
import "./styles/index.css";

function Current() {
  const { path } = usePlace();
  for (const page of PAGES) {
    const params = match(page.path, path);
    if (params) return <Shown title={page.title} page={<page.component key={path} params={params} />} />;
  }
  return (
    <Shown
      title="Not found"
      page={
        <div class="empty">
          <h1>There is no such page</h1>
          <a href="/">To the first page</a>
        </div>
      }
    />
  );
}

function Shown({ title, page }: { title: string; page: preact.ComponentChildren }) {
  useEffect(() => void (document.title = `${title} · OmniRoute`), [title]);
  return <>{page}</>;
}

function App() {
  const init = useResource("/api/init");
  return (
    <>
      <Loaded of={init}>
        {(data) => (
          <SessionContext.Provider value={{ init: data, refresh: init.reload }}>
            {data.authenticated ? (
              <Shell>
                <Current />
              </Shell>
            ) : (
              <Entrance />
            )}
          </SessionContext.Provider>
        )}
      </Loaded>
      <Toasts />
    </>
  );
}

takeOverLinks();
const root = document.getElementById("app");
if (root) render(<App />, root);
