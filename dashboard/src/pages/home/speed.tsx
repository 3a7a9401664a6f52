import { withQuery } from "../../api/client";
import { useResource } from "../../api/resource";
import { span } from "../../ui/format";
import { Card, Loaded } from "../../ui/states";

const TRIES = 200;
const POINTS = 24;

/** The value that `share` of the sorted `values` do not exceed. */
const at = (values: readonly number[], share: number) => values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? 0;

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

/** A line of `values` from left to right in a box of 100 by 30. */
const line = (values: readonly number[], most: number) =>
  values.map((value, i) => `${((i / Math.max(1, values.length - 1)) * 100).toFixed(2)},${(29 - (value / most) * 28).toFixed(2)}`).join(" ");

/** How long the first token took of late: the middle one and the slowest in twenty, as figures and as lines. */
export function Speed() {
  const tries = useResource(withQuery("/api/usage/history", { outcome: "ok", limit: TRIES }), { every: 10_000, on: ["usage"], apart: 5000 });
  return (
    <Card title="First token">
      <Loaded of={tries} isEmpty={({ data }) => data.every((row) => row.ttft_ms === null)} empty={<p>Nothing has been measured yet.</p>}>
        {({ data }) => {
          const times = data.flatMap((row) => (row.ttft_ms === null ? [] : [row.ttft_ms])).reverse();
          const size = Math.max(1, Math.ceil(times.length / POINTS));
          const groups = Array.from({ length: Math.ceil(times.length / size) }, (_, i) => sorted(times.slice(i * size, (i + 1) * size)));
          const middle = groups.map((group) => at(group, 0.5));
          const slow = groups.map((group) => at(group, 0.95));
          const most = Math.max(...slow, 1);
          const all = sorted(times);
          return (
            <div class="stack">
              <p class="row">
                <span class="key middle">
                  p50 <strong>{span(at(all, 0.5))}</strong>
                </span>
                <span class="key slow">
                  p95 <strong>{span(at(all, 0.95))}</strong>
                </span>
                <span class="quiet">of the last {times.length}</span>
              </p>
              <svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label={`First token of the last ${times.length} tries: p50 ${span(at(all, 0.5))}, p95 ${span(at(all, 0.95))}`}>
                <polyline class="slow" points={line(slow, most)} />
                <polyline class="middle" points={line(middle, most)} />
              </svg>
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}
