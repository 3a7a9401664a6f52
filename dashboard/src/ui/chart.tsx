import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "./format";
import type { PlotData } from "./plot";
import { Skeleton } from "./states";
import { type Column, Table } from "./table";

interface ChartProps extends PlotData {
  label: string;
  /** How a moment is written in the table. */
  when: (at: number) => string;
}

/** Bars over time, in the colours of the page; the same figures stand in a table beside them. */
export function Chart({ label, at, series, write, when }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const [ready, setReady] = useState(false);
  const [problem, setProblem] = useState("");
  const [look, setLook] = useState(0);
  const shape = JSON.stringify([at[0], at.length, series]);

  useEffect(() => {
    const anew = () => setLook((n) => n + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("themechange", anew);
    dark.addEventListener("change", anew);
    return () => {
      removeEventListener("themechange", anew);
      dark.removeEventListener("change", anew);
    };
  }, []);
  useEffect(() => {
    let drop: (() => void) | undefined;
    let left = false;
    import("./plot")
      .then(({ plot }) => {
        if (left || !box.current) return;
        drop = plot(box.current, { at, series, write });
        setReady(true);
      })
      .catch((error: unknown) => setProblem(`The chart could not be loaded: ${String(error)}`));
    return () => {
      left = true;
      drop?.();
    };
  }, [shape, look]);

  const rows = at.map((moment, k) => ({ moment, k }));
  const columns: Column<{ moment: number; k: number }>[] = [
    { title: "When", cell: (row) => when(row.moment), value: (row) => new Date(row.moment * 1000).toISOString() },
    ...series.map((one) => ({ title: one.label, number: true, cell: (row: { k: number }) => write(one.values[row.k] ?? 0), value: (row: { k: number }) => one.values[row.k] ?? 0 })),
  ];
  const told = series.map((one) => `${one.label} ${count(one.values.reduce((sum, value) => sum + value, 0))}`).join(", ");
  return (
    <figure class="chart">
      {!ready && !problem && <Skeleton lines={3} />}
      {problem && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      <div ref={box} class="plot" role="img" aria-label={`${label}: ${told}`} />
      <details>
        <summary>As a table</summary>
        <div class="scroll">
          <Table label={label} rows={rows.reverse()} columns={columns} rowKey={(row) => String(row.moment)} file={`omniroute-${label.toLowerCase()}`} />
        </div>
      </details>
    </figure>
  );
}
