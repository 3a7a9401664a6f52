import type { ComponentChildren } from "preact";
import type { Resource } from "../api/resource";
import { Button } from "./basics";

interface LoadedProps<T> {
  of: Resource<T>;
  /** Says that there is nothing, and what the next step is. */
  empty?: ComponentChildren;
  isEmpty?: (data: T) => boolean;
  /** The heading of a page that takes its own from the data, until that is there. */
  heading?: string;
  children: (data: T) => ComponentChildren;
}

/** The four states of anything asked of the server: loading, error, empty, data. Old data stays beside a new error. */
export function Loaded<T>({ of, empty, isEmpty, heading, children }: LoadedProps<T>) {
  const { data, error, loading, reload } = of;
  const title = heading && data === undefined && <PageHead title={heading} />;
  if (loading)
    return (
      <>
        {title}
        <Skeleton />
      </>
    );
  return (
    <>
      {title}
      {error && (
        <div class="problem" role="alert">
          <p>{error.message}</p>
          {error.requestId && <p class="quiet">Request id {error.requestId}</p>}
          <Button onClick={reload}>Try again</Button>
        </div>
      )}
      {data !== undefined && (isEmpty?.(data) && empty ? <div class="empty">{empty}</div> : children(data))}
    </>
  );
}

export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} />
      ))}
    </div>
  );
}

export function Card({ title, actions, children, wide }: { title?: string; actions?: ComponentChildren; children: ComponentChildren; wide?: boolean }) {
  return (
    <section class={`card ${wide ? "wide" : ""}`}>
      {(title || actions) && (
        <header>
          {title && <h2>{title}</h2>}
          {actions && <div class="actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

/** One figure. `href` leads to the rows behind it. */
export function Figure({ label, value, note, href }: { label: string; value: ComponentChildren; note?: ComponentChildren; href?: string }) {
  const inside = (
    <>
      <span class="figure-label">{label}</span>
      <strong class="figure-value">{value}</strong>
      {note && <span class="figure-note">{note}</span>}
    </>
  );
  return href ? (
    <a class="figure" href={href}>
      {inside}
    </a>
  ) : (
    <div class="figure">{inside}</div>
  );
}

export function PageHead({ title, about, children }: { title: string; about?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        <h1>{title}</h1>
        {about && <p class="quiet">{about}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </header>
  );
}
