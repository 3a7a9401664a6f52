import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Listing } from "../api/client";
import { useResource } from "../api/resource";
import { Badge, Button } from "./basics";
import { Card, Loaded } from "./states";
import { Ask } from "./submit";
import { type Column, Export, Table } from "./table";
import { toast } from "./toasts";

export interface Managed {
  read_only: boolean;
  problems: string[];
}

interface FormProps<T> {
  /** What is changed; null: a new one. */
  known: T | null;
  onClose: () => void;
  onDone: () => void;
}

interface ManagedProps<T extends Managed> {
  title: string;
  /** One of them, in a sentence: "alias". */
  noun: string;
  path: string;
  empty: string;
  nameOf: (row: T) => string;
  columns: readonly Column<T>[];
  remove: (row: T) => Promise<unknown>;
  form: (props: FormProps<T>) => ComponentChildren;
}

/** A card with the list at `path`, whose entries can be added, changed and removed, unless the config file has them. */
export function ManagedCard<T extends Managed>({ title, noun, path, empty, nameOf, columns, remove, form }: ManagedProps<T>) {
  const list = useResource<Listing<T>>(path);
  const [edited, setEdited] = useState<T | "new" | null>(null);
  const [dropped, setDropped] = useState<T | null>(null);
  const drop = async (row: T) => {
    await remove(row);
    toast(`The ${noun} ${nameOf(row)} is removed.`);
    setDropped(null);
    list.reload();
  };
  const all: Column<T>[] = [
    ...columns,
    { title: "Note", cell: (row) => row.problems.map((problem) => <Badge tone="warn">{problem}</Badge>), value: (row) => row.problems.join("; ") },
    {
      title: "",
      cell: (row) =>
        row.read_only ? (
          <span class="quiet">config file</span>
        ) : (
          <span class="row">
            <Button aria-label={`Edit ${noun} ${nameOf(row)}`} onClick={() => setEdited(row)}>
              Edit
            </Button>
            <Button kind="danger" aria-label={`Remove ${noun} ${nameOf(row)}`} onClick={() => setDropped(row)}>
              Remove
            </Button>
          </span>
        ),
    },
  ];
  const done = () => {
    setEdited(null);
    list.reload();
  };
  return (
    <Card
      title={title}
      wide
      actions={
        <>
          {list.data && list.data.data.length > 0 && <Export name={`omniroute-${title.toLowerCase().replaceAll(" ", "-")}`} rows={list.data.data} columns={all} />}
          <Button onClick={() => setEdited("new")}>New {noun}</Button>
        </>
      }
    >
      <Loaded of={list} isEmpty={({ data }) => data.length === 0} empty={<p>{empty}</p>}>
        {({ data }) => <Table label={title} rows={data} columns={all} rowKey={nameOf} />}
      </Loaded>
      {edited && form({ known: edited === "new" ? null : edited, onClose: () => setEdited(null), onDone: done })}
      {dropped && <Ask title={`Remove the ${noun} ${nameOf(dropped)}?`} text="Requests that it concerns go another way from now on." verb="Remove" onYes={() => drop(dropped)} onClose={() => setDropped(null)} />}
    </Card>
  );
}
