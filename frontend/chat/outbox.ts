// What the reader did and Python has not answered yet. Each report carries everything that is open, because a report
// may be overtaken by the next one; Python does each writing action once, by its nonce.
import type { Action, Outcome } from "./data";

type Answered = (outcome: Outcome) => void;

const AGAIN_MS = 3_000;
const ENOUGH = 10;

interface Open {
  action: Action;
  answered: Answered | undefined;
  sent: number;
  times: number;
}

export class Outbox {
  private readonly open = new Map<string, Open>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly report: (actions: Action[]) => void) {}

  /** Report an action; `answered` is called once with what came of it. The action's nonce. */
  tell(action: string, fields: Record<string, unknown>, answered?: Answered): string {
    const nonce = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
    this.open.set(nonce, { action: { ...fields, action, nonce }, answered, sent: 0, times: 0 });
    this.send();
    return nonce;
  }

  /** Take what Python answered; what it has not is said again after a while. */
  settle(outcomes: Outcome[]): void {
    for (const outcome of outcomes) {
      const waiting = this.open.get(outcome.nonce);
      if (!waiting) continue;
      this.open.delete(outcome.nonce);
      waiting.answered?.(outcome);
    }
    this.again();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private send(): void {
    const now = Date.now();
    for (const waiting of this.open.values()) Object.assign(waiting, { sent: now, times: waiting.times + 1 });
    this.report([...this.open.values()].map((waiting) => waiting.action));
    this.again();
  }

  private again(): void {
    clearTimeout(this.timer);
    if (this.open.size) this.timer = setTimeout(() => this.overdue(), AGAIN_MS);
  }

  private overdue(): void {
    for (const [nonce, waiting] of this.open) {
      if (waiting.times < ENOUGH) continue;
      this.open.delete(nonce);
      const error = { message: "The server did not answer.", hint: "Is it still running? Then try again." };
      waiting.answered?.({ nonce, error });
    }
    if (this.open.size) this.send();
  }
}
