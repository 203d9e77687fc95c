// What the parts of the board ask of the whole.
import type { Data, Goal, Outcome } from "./data";

export interface Host {
  readonly data: Data;
  /** Which folds, pickers, questions and edits are open, by message; they outlive redrawing. */
  readonly open: Set<string>;
  /** Texts of edits that have not been saved. */
  readonly edits: Map<string, string>;
  act(action: string, fields: Record<string, unknown>, answered?: (outcome: Outcome) => void): string;
  go(goal: Goal): void;
  openThread(id: string): void;
  openChannel(id: string, message?: string | null): void;
  /** Say something to those who hear the page. */
  announce(words: string): void;
  /** Say what went wrong, in sight. */
  complain(error: { message: string; hint: string }): void;
  redraw(): void;
  /** Put the keyboard on the first element that fits, if there is one. */
  focus(selector: string): void;
}

export const MARKS: [string, string][] = [
  ["👍", "thumbs up"], ["❤️", "heart"], ["🎉", "celebration"], ["😄", "laughing"],
  ["👀", "looking at it"], ["🙏", "thanks"], ["✅", "done"], ["🚀", "off it goes"],
];
