const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const LEVELS = 5;

/** Requests by weekday and hour; the more, the stronger the colour (by the root, so that one busy hour does not pale all others),
 * and the number is in every cell. */
export function Heat({ days }: { days: number[][] }) {
  const most = Math.max(1, ...days.flat());
  return (
    <table class="heat">
      <caption class="unseen">Requests by weekday and hour</caption>
      <thead>
        <tr>
          <td />
          {Array.from({ length: 24 }, (_, hour) => (
            <th key={hour} scope="col">
              <span class={hour % 6 ? "unseen" : ""}>{hour}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {days.map((hours, day) => (
          <tr key={day}>
            <th scope="row">
              {DAYS[day]?.slice(0, 2)}
              <span class="unseen">{DAYS[day]?.slice(2)}</span>
            </th>
            {hours.map((requests, hour) => (
              <td key={hour} data-level={requests === 0 ? 0 : Math.ceil(Math.sqrt(requests / most) * LEVELS)} title={`${DAYS[day]} ${hour}:00: ${requests} requests`}>
                <span class="unseen">{requests}</span>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
