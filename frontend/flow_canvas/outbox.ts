// What was done, on its way to Python: numbered, and said again until it is answered, so that no rerun swallows an act.
import type { Detail } from "./types";

interface Said extends Detail {
  nonce: number;
  action: string;
}

const AGAIN_MS = 8000;

export class Outbox {
  private waiting: Said[] = [];
  private last = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private soon = false;

  /** `send` hands the acts to Streamlit; another call may have given another function for it. */
  constructor(public send: (acts: Said[]) => void) {}

  /** Puts an act on its way and gives its number; what is done in the same moment travels together. */
  put(action: string, detail: Detail): number {
    this.last = Math.max(this.last + 1, Date.now());
    this.waiting.push({ ...detail, nonce: this.last, action });
    if (!this.soon) queueMicrotask(() => this.flush());
    this.soon = true;
    return this.last;
  }

  /** Python has done everything up to this number. */
  answered(nonce: number): void {
    this.last = Math.max(this.last, nonce);
    this.waiting = this.waiting.filter((act) => act.nonce > nonce);
    if (!this.waiting.length) clearTimeout(this.timer);
  }

  /** Whether an act up to this number still waits for its answer. */
  pending(nonce: number): boolean {
    return this.waiting.some((act) => act.nonce <= nonce);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private flush(): void {
    this.soon = false;
    clearTimeout(this.timer);
    if (!this.waiting.length) return;
    this.send([...this.waiting]);
    this.timer = setTimeout(() => this.flush(), AGAIN_MS);
  }
}
