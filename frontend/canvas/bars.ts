// The lines above and below the grid: adding, what is stale, what goes on, what was deleted, what was refused.
import { button, fill, icon, node } from "../shared/dom";
import type { Data, Refusal } from "./types";

export interface Deeds {
  add(at: Element): void;
  shelf(): void;
  refresh(): void;
  stop(): void;
  undo(): void;
}

export class Bars {
  readonly top = node("div", { class: "bar", role: "toolbar", "aria-label": "Page" });
  readonly bottom = node("div", { class: "bottom" });
  private readonly left = node("span", { class: "left" });
  private readonly right = node("span", { class: "right", role: "status" });
  private readonly undo = node("div", { class: "undo", role: "status", hidden: true });
  private readonly refusal = node("div", { class: "undo wrong", role: "alert", hidden: true });
  private shown = "";

  constructor(private readonly deeds: Deeds) {
    const add = button("Block", { icon: "add", class: "choose" }, () => deeds.add(add));
    this.left.append(add, button("Agents", { icon: "smart_toy", class: "choose shelf-opener" }, () => deeds.shelf()));
    this.top.append(this.left, this.right);
    this.bottom.append(this.refusal, this.undo);
  }

  update(data: Data): void {
    this.left.hidden = data.page.read_only;
    const stale = data.blocks.filter((block) => block.stale && block.computes).length;
    const now = JSON.stringify([data.refreshing, stale, data.page.read_only]);
    if (now === this.shown) return;
    this.shown = now;
    const { refreshing } = data;
    fill(this.right, refreshing ? this.progress(refreshing) : stale && !data.page.read_only ? [
      button(`Refresh ${stale} stale`, { icon: "refresh", class: "primary" }, () => this.deeds.refresh()),
    ] : []);
  }

  deleted(name: string): void {
    fill(this.undo, [
      icon("delete"), node("span", { text: `Deleted "${name}".` }), button("Undo", { class: "primary" }, () => this.deeds.undo()),
      button("Dismiss", { icon: "close", hidden: true, class: "plain" }, () => this.kept()),
    ]);
    this.undo.hidden = false;
  }

  kept(): void {
    this.undo.hidden = true;
  }

  refused({ message, hint }: Refusal): void {
    fill(this.refusal, [
      icon("error"), node("span", { text: `${message} ${hint}`.trim() }),
      button("Dismiss", { icon: "close", hidden: true, class: "plain" }, () => { this.refusal.hidden = true; }),
    ]);
    this.refusal.hidden = false;
  }

  private progress({ total, done, block }: NonNullable<Data["refreshing"]>): Node[] {
    return [
      node("progress", { max: Math.max(1, total), value: done, "aria-label": "Refreshing" }),
      node("span", { class: "quiet", text: `Refreshing ${Math.min(done + 1, total)} of ${total}${block ? `: ${block}` : ""}` }),
      button("Stop", { icon: "stop", class: "choose" }, () => this.deeds.stop()),
    ];
  }
}
