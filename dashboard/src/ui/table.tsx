import type { ComponentChildren } from "preact";
import { Button } from "./basics";

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  /** Numbers stand to the right. */
  number?: boolean;
  /** For the export; without it a cell of plain text or a number is taken, and any other column is left out there. */
  value?: (row: T) => string | number | boolean | null | undefined;
}

interface TableProps<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  rowKey: (row: T) => string;
  onRow?: (row: T) => void;
  /** Name of the files that the table can be taken along as; without it there is no button for that here. */
  file?: string;
}

/** A table that becomes a list of cards on a phone (each cell carries its column's title). */
export function Table<T>({ label, rows, columns, rowKey, onRow, file }: TableProps<T>) {
  const table = (
    <div class="table-box" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={column.number ? "number" : ""}>
                {column.title || <span class="unseen">Actions</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} class={onRow ? "choosable" : ""} onClick={onRow && (() => onRow(row))}>
              {columns.map((column) => (
                <td key={column.title} data-title={column.title} class={column.number ? "number" : column.title ? "" : "deeds"}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
  if (!file) return table;
  return (
    <>
      {table}
      <p class="row exports">
        <Export name={file} rows={rows} columns={columns} />
      </p>
    </>
  );
}

const quoted = (value: unknown) => {
  const text = value === null || value === undefined ? "" : String(value);
  // A leading formula sign would be run by spreadsheets.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

function save(name: string, kind: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

const plain = (value: unknown) => typeof value === "string" || typeof value === "number";

/** What of the columns can be written into a file. */
function written<T>(columns: readonly Column<T>[], rows: readonly T[]): { title: string; of: (row: T) => unknown }[] {
  return columns.flatMap(({ title, cell, value }) => {
    if (value) return [{ title, of: value }];
    return title && rows.every((row) => plain(cell(row))) ? [{ title, of: cell }] : [];
  });
}

/** What is in the table, as files. */
export function Export<T>({ name, rows, columns }: { name: string; rows: readonly T[]; columns: readonly Column<T>[] }) {
  const csv = () => {
    const told = written(columns, rows);
    const lines = [told.map((column) => quoted(column.title)), ...rows.map((row) => told.map((column) => quoted(column.of(row))))];
    save(`${name}.csv`, "text/csv", lines.map((line) => line.join(",")).join("\r\n"));
  };
  return (
    <>
      <Button onClick={csv}>CSV</Button>
      <Button onClick={() => save(`${name}.json`, "application/json", JSON.stringify(rows, null, 2))}>JSON</Button>
    </>
  );
}
