// The messages of a channel or thread that this tab knows: the newest without a gap, and, when an older place is open,
// the messages around it.
import type { MessageView, Part } from "./data";

type Known = Map<string, MessageView>;

export class Strip {
  private live: Known = new Map();
  private past: Known | null = null;
  private liveMore = false;
  private pastMore = false;

  /** Whether an older place is open, with a gap below it. */
  get detached(): boolean {
    return this.past !== null;
  }

  /** Whether older messages may be above those that are shown. */
  get more(): boolean {
    return this.past ? this.pastMore : this.liveMore;
  }

  /** What is shown, in the order of time. */
  get messages(): MessageView[] {
    return inOrder(this.past ?? this.live);
  }

  get newest(): MessageView | undefined {
    return inOrder(this.live).at(-1);
  }

  /** The newest messages as they are now; what has become of older ones is not known. */
  takeNewest(part: Part): void {
    const ids = part.messages.map((message) => message.id);
    const first = ids[0];
    const last = inOrder(this.live).at(-1)?.id;
    const gap = first !== undefined && last !== undefined && part.more && first > last;
    if (gap || !this.live.size) {
      this.live = new Map();
      this.liveMore = part.more;
    }
    for (const id of [...this.live.keys()]) if (first === undefined || id >= first) this.live.delete(id);
    if (!this.live.size) this.liveMore = part.more;
    this.put(this.live, part.messages);
    for (const message of part.messages) if (this.past?.has(message.id)) this.past.set(message.id, message);
    this.join();
  }

  /** Messages around an older place; they are shown until the newest are asked for. */
  takeAround(part: Part): void {
    this.past = new Map(part.messages.map((message) => [message.id, message]));
    this.pastMore = part.more;
    this.join();
  }

  takeOlder(part: Part): void {
    this.put(this.past ?? this.live, part.messages);
    if (this.past) this.pastMore = part.more;
    else this.liveMore = part.more;
    this.join();
  }

  /** What follows what is shown; false when there was nothing new in it. */
  takeNewer(part: Part): boolean {
    if (!this.past) return false;
    const before = this.past.size;
    this.put(this.past, part.messages);
    const grown = this.past.size > before;
    this.join();
    return grown;
  }

  /** One message that has changed, when it is known here. */
  touch(message: MessageView): void {
    for (const known of [this.live, this.past]) if (known?.has(message.id)) known.set(message.id, message);
  }

  toNewest(): void {
    this.past = null;
  }

  private put(known: Known, messages: MessageView[]): void {
    for (const message of messages) known.set(message.id, message);
  }

  /** As soon as the older place reaches the newest messages, there is no gap any more. */
  private join(): void {
    if (!this.past || ![...this.past.keys()].some((id) => this.live.has(id))) return;
    const first = inOrder(this.past)[0];
    const before = inOrder(this.live)[0];
    if (first && before && first.id < before.id) this.liveMore = this.pastMore;
    this.put(this.live, [...this.past.values()].filter((message) => !this.live.has(message.id)));
    this.past = null;
  }
}

function inOrder(known: Known): MessageView[] {
  return [...known.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
