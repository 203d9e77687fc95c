// Times for people: relative in sight, exact on hover.

const STEPS: [number, string][] = [[60, "second"], [60, "minute"], [24, "hour"], [7, "day"], [4.345, "week"], [12, "month"], [Infinity, "year"]];

/** "just now", "3 minutes ago", "in 2 hours": a moment (ISO 8601) against now. */
export function relative(iso: string, now = Date.now()): string {
  let amount = (now - Date.parse(iso)) / 1000;
  if (!Number.isFinite(amount)) return "";
  const ahead = amount < 0;
  amount = Math.abs(amount);
  if (amount < 10) return "just now";
  for (const [size, unit] of STEPS) {
    if (amount < size) {
      const count = Math.floor(amount);
      const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
      return ahead ? `in ${words}` : `${words} ago`;
    }
    amount /= size;
  }
  return "";
}

/** The whole moment in the reader's zone and manner. */
export function exact(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A length of time, like "4 s" or "3 min 05 s". */
export function lasting(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
