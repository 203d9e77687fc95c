// What may be added, with a search: a click or Enter adds it, dragging puts it where it is dropped.
import { useEffect, useMemo, useRef, useState } from "react";
import { Icon } from "./nodes";
import type { Offer } from "./types";

export const DRAGGED = "application/x-flow-offer";
const GROUPS: [string, string][] = [["", "Order and people"], ["transform", "Transforms"], ["agent", "Agents"], ["flow", "Flows"]];
const SHOWN = 80;

interface Props {
  offers: Offer[];
  icons: Record<string, string>;
  into: string;
  chosen: (offer: Offer) => void;
  close: () => void;
}

export function Palette({ offers, icons, into, chosen, close }: Props) {
  const [words, setWords] = useState("");
  const [away, setAway] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const found = useMemo(() => matching(offers, words), [offers, words]);
  const keyed = (event: React.KeyboardEvent) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && event.target === field.current && found[0]) chosen(found[0]);
  };
  return (
    <aside className={`palette side ${away ? "is-away" : ""}`} onDragEnd={() => setAway(false)} aria-label="What can be added" onKeyDown={keyed}>
      <header>
        <strong>Add {into}</strong>
        <button type="button" className="plain" aria-label="Close" onClick={close}><Icon name="close" /></button>
      </header>
      <input ref={field} className="field" type="search" placeholder="Search" aria-label="Search what can be added" value={words}
        onChange={(event) => setWords(event.target.value)} />
      <div className="list">
        {GROUPS.map(([kind, title]) => {
          const inside = found.filter((offer) => (["transform", "agent", "flow"].includes(offer.kind) ? offer.kind : "") === kind);
          return inside.length > 0 && (
            <section key={kind}>
              <h4>{title}</h4>
              {inside.slice(0, SHOWN).map((offer) => (
                <button key={`${offer.kind} ${offer.name}`} type="button" className="offer" draggable title={offer.about} onClick={() => chosen(offer)}
                  onDragStart={(event) => {
                    event.dataTransfer.setData(DRAGGED, JSON.stringify([offer.kind, offer.name]));
                    // Out of the way of what lies beneath, once the browser has taken its picture of the button.
                    setTimeout(() => setAway(true));
                  }}>
                  <Icon name={icons[offer.kind] ?? ""} />
                  <span><span className="title">{offer.title}</span><span className="quiet">{offer.name || offer.about}</span></span>
                </button>
              ))}
              {inside.length > SHOWN && <p className="quiet">{inside.length - SHOWN} more: search for them.</p>}
            </section>
          );
        })}
        {!found.length && <p className="quiet">Nothing is called like that.</p>}
      </div>
    </aside>
  );
}

function matching(offers: Offer[], words: string): Offer[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (offer: Offer) => `${offer.title} ${offer.name} ${offer.kind} ${offer.about}`.toLowerCase();
  const found = offers.filter((offer) => wanted.every((word) => text(offer).includes(word)));
  // What is called so comes before what is only told about.
  const rank = (offer: Offer) => (wanted.every((word) => `${offer.title} ${offer.name}`.toLowerCase().includes(word)) ? 0 : 1);
  return wanted.length ? [...found].sort((one, other) => rank(one) - rank(other)) : found;
}
