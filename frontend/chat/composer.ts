// Where one writes: it grows, completes, keeps drafts, takes files, and never loses a text.
import { button, node } from "../shared/dom";
import type { Completion, Outcome } from "./data";
import { Popup, type Option } from "../shared/popup";
import { optionsFor, wantedBy, type Wanted } from "./completion";
import type { Host } from "./host";

const ASK_MS = 120;
const FRESH_MS = 30_000;
let made = 0;

export class Composer {
  readonly element: HTMLElement;
  private readonly field: HTMLTextAreaElement;
  private readonly popup: Popup;
  private readonly wrong: HTMLElement;
  private readonly sending: HTMLElement;
  private readonly count: HTMLElement;
  private readonly sender: HTMLButtonElement;
  private readonly known = new Map<string, { completion: Completion; at: number }>();
  private place = { channel: "", thread: null as string | null };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dismissed = "";
  private underway = 0;

  constructor(private readonly host: Host, label: string) {
    const id = `popup-${++made}`;
    this.popup = new Popup(id, (option) => this.accept(option));
    this.field = node("textarea", {
      class: "field", rows: "1", "aria-label": label, placeholder: label, role: "combobox", "aria-autocomplete": "list",
      "aria-controls": id, "aria-expanded": "false", "aria-haspopup": "listbox",
    });
    this.wrong = node("p", { class: "wrong", role: "alert" });
    this.sending = node("p", { class: "quiet sending", role: "status" });
    this.count = node("span", { class: "quiet count", "aria-live": "polite" });
    const picked = node("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files to attach", tabindex: "-1" });
    picked.addEventListener("change", () => {
      this.takeFiles(picked.files);
      picked.value = "";
    });
    const attach = button("Attach a file", { icon: "attach_file", hidden: true, class: "plain" }, () => picked.click());
    this.sender = button("Send", { icon: "send", hidden: true, class: "primary" }, () => this.send());
    this.element = node("div", { class: "composer" }, [
      this.popup.element, this.wrong, this.sending,
      node("div", { class: "row" }, [attach, picked, this.field, this.sender]), this.count,
    ]);
    this.listen();
  }

  /** Write here from now on; the draft of that place comes back. */
  at(channel: string, thread: string | null, label: string): void {
    this.field.setAttribute("aria-label", label);
    this.field.placeholder = label;
    if (channel === this.place.channel && thread === this.place.thread) return;
    this.place = { channel, thread };
    this.field.value = stored(this.draftKey()) ?? "";
    this.wrong.textContent = "";
    this.popup.hide();
    // It has no height to be measured before it is on the page.
    requestAnimationFrame(() => this.grow());
  }

  focus(): void {
    this.field.focus({ preventScroll: true });
  }

  /** Files that were dropped or pasted, or picked. */
  takeFiles(files: FileList | File[] | null): void {
    for (const file of files ?? []) void this.takeFile(file);
  }

  private listen(): void {
    this.field.addEventListener("input", () => {
      store(this.draftKey(), this.field.value);
      this.wrong.textContent = "";
      this.dismissed = "";
      this.grow();
      this.complete();
    });
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => this.hidePopup());
    this.field.addEventListener("click", () => this.complete());
    this.field.addEventListener("paste", (event) => {
      const files = event.clipboardData?.files;
      if (!files?.length) return;
      event.preventDefault();
      this.takeFiles(files);
    });
  }

  private key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const option = this.popup.option;
    if (option && (event.key === "ArrowDown" || event.key === "ArrowUp")) this.popup.move(event.key === "ArrowDown" ? 1 : -1);
    else if (option && (event.key === "Tab" || (event.key === "Enter" && !option.exact)) && !event.shiftKey) this.accept(option);
    else if (option && event.key === "Escape") this.dismiss();
    else if (event.key === "Enter" && !event.shiftKey) this.send();
    else return;
    event.preventDefault();
    this.name();
  }

  private send(): void {
    const text = this.field.value;
    const { text: most } = this.host.data.limits;
    this.hidePopup();
    if (!text.trim()) return;
    if (text.length > most) {
      this.say(`That is ${text.length.toLocaleString("en")} characters; a message holds ${most.toLocaleString("en")}. Shorten it, or attach it as a file.`);
      return;
    }
    const place = { ...this.place };
    const key = this.draftKey();
    this.field.value = "";
    store(key, "");
    this.wrong.textContent = "";
    this.grow();
    this.under(1);
    this.host.act("post", { ...place, text }, (outcome) => {
      this.under(-1);
      if (outcome.error) this.giveBack(text, key, outcome.error);
    });
  }

  private giveBack(text: string, key: string, error: { message: string; hint: string }): void {
    const here = key === this.draftKey();
    const kept = [text, here ? this.field.value : stored(key)].filter(Boolean).join("\n");
    store(key, kept);
    if (!here) return this.host.complain(error);
    this.field.value = kept;
    this.grow();
    this.say(`${error.message} ${error.hint}`.trim());
  }

  private async takeFile(file: File): Promise<void> {
    const place = { ...this.place };
    if (!file.size) return this.say(`${file.name} is empty.`);
    if (file.size > this.host.data.limits.file) {
      this.host.act("upload", place);
      return;
    }
    this.under(1);
    const base64 = await inBase64(file).catch(() => null);
    if (base64 === null) {
      this.under(-1);
      return this.say(`${file.name} could not be read.`);
    }
    this.host.act("attach", { ...place, name: file.name, media_type: file.type, base64 }, (outcome) => {
      this.under(-1);
      if (outcome.error) this.say(`${file.name}: ${outcome.error.message} ${outcome.error.hint}`.trim());
    });
  }

  private under(change: number): void {
    this.underway += change;
    this.sending.textContent = this.underway ? "Sending…" : "";
  }

  private say(words: string): void {
    this.wrong.textContent = words;
  }

  private grow(): void {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight + 2, 200)}px`;
    const { text: most } = this.host.data.limits;
    const { length } = this.field.value;
    this.count.textContent = length > most * 0.8 ? `${length.toLocaleString("en")} of ${most.toLocaleString("en")} characters` : "";
    this.sender.disabled = !this.field.value.trim();
  }

  private before(): string {
    return this.field.value.slice(0, this.field.selectionStart);
  }

  private complete(): void {
    const wanted = wantedBy(this.before());
    clearTimeout(this.timer);
    if (!wanted || this.dismissed === this.before()) return this.hidePopup();
    const known = this.knownFor(wanted);
    if (known) this.show(known.completion);
    if (!known || Date.now() - known.at > FRESH_MS) this.timer = setTimeout(() => this.ask(wanted), ASK_MS);
  }

  private ask(wanted: Wanted): void {
    this.host.act("complete", { kind: wanted.kind, prefix: wanted.prefix }, (outcome: Outcome) => {
      if (!outcome.completion) return;
      this.known.set(`${wanted.kind} ${wanted.prefix}`, { completion: outcome.completion, at: Date.now() });
      const now = wantedBy(this.before());
      if (now?.kind === wanted.kind && this.hasFocus()) this.show(outcome.completion);
    });
  }

  private knownFor(wanted: Wanted): { completion: Completion; at: number } | undefined {
    return this.known.get(`${wanted.kind} ${wanted.kind === "commands" ? "" : wanted.prefix}`);
  }

  private show(completion: Completion): void {
    this.popup.show(optionsFor(this.before(), completion));
    this.name();
  }

  private hidePopup(): void {
    clearTimeout(this.timer);
    this.popup.hide();
    this.name();
  }

  private dismiss(): void {
    this.dismissed = this.before();
    this.hidePopup();
  }

  /** Tell those who hear the page what is chosen. */
  private name(): void {
    this.field.setAttribute("aria-expanded", String(this.popup.open));
    const active = this.popup.active;
    active ? this.field.setAttribute("aria-activedescendant", active) : this.field.removeAttribute("aria-activedescendant");
  }

  private accept(option: Option): void {
    const after = this.field.value.slice(this.field.selectionStart);
    const text = this.field.value.slice(0, option.from) + option.insert;
    this.field.value = text + after.replace(/^ /, "");
    this.field.setSelectionRange(text.length, text.length);
    store(this.draftKey(), this.field.value);
    this.grow();
    this.complete();
  }

  private hasFocus(): boolean {
    return (this.field.getRootNode() as ShadowRoot).activeElement === this.field;
  }

  private draftKey(): string {
    return `ionflux-chat-draft:${this.host.data.workspace}:${this.place.channel}:${this.place.thread ?? ""}`;
  }
}

function stored(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, text: string): void {
  try {
    text ? sessionStorage.setItem(key, text) : sessionStorage.removeItem(key);
  } catch {
    // A full or forbidden store only means that a draft does not outlive its field.
  }
}

async function inBase64(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
