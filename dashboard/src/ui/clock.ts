import { useEffect, useState } from "preact/hooks";

/** Unix seconds, anew every `every` milliseconds while the page is seen: for countdowns. */
export function useNow(every = 1000): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && setNow(Date.now() / 1000), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
