// The charting library and what of it we use. Loaded when the first chart is seen.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface PlotSeries {
  label: string;
  values: readonly number[];
}

export interface PlotData {
  /** Unix seconds, ascending and evenly spaced. */
  at: readonly number[];
  series: readonly PlotSeries[];
  write: (value: number) => string;
}

const HEIGHT = 230;

/** The colours of `box` by name, as a canvas takes them: which of a light and a dark one is meant is known to elements only. */
function coloursOf(box: HTMLElement): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    const found = known.get(name);
    if (found) return found;
    const probe = box.appendChild(document.createElement("span"));
    probe.style.color = `var(${name})`;
    const colour = getComputedStyle(probe).color;
    probe.remove();
    known.set(name, colour);
    return colour;
  };
}

/** Stacked bars over time in `box`. Returns how to take them away again. */
export function plot(box: HTMLElement, { at, series, write }: PlotData): () => void {
  const style = getComputedStyle(box);
  const colour = coloursOf(box);
  const sums = series.map((_, i) => at.map((_, k) => series.slice(0, i + 1).reduce((sum, one) => sum + (one.values[k] ?? 0), 0)));
  // The tallest is drawn first, the others in front of it.
  const order = series.map((_, i) => i).reverse();
  const axis: uPlot.Axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: `12px ${style.fontFamily}` };
  const options: uPlot.Options = {
    width: Math.max(200, box.clientWidth),
    height: HEIGHT,
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 1] } },
    axes: [axis, { ...axis, size: 62, values: (_, ticks) => ticks.map(write) }],
    series: [
      {},
      ...order.map((i) => {
        const tint = colour(`--chart-${(i % 6) + 1}`);
        const one: uPlot.Series = {
          label: series[i]?.label ?? "",
          stroke: tint,
          fill: tint,
          width: 0,
          points: { show: false },
          value: (_, __, ___, k) => (k === null ? "–" : write(series[i]?.values[k] ?? 0)),
        };
        if (uPlot.paths.bars) one.paths = uPlot.paths.bars({ size: [0.8, 40], gap: 1 });
        return one;
      }),
    ],
  };
  const chart = new uPlot(options, [[...at], ...order.map((i) => sums[i] ?? [])], box);
  const watch = new ResizeObserver(() => chart.setSize({ width: Math.max(200, box.clientWidth), height: HEIGHT }));
  watch.observe(box);
  return () => {
    watch.disconnect();
    chart.destroy();
  };
}
