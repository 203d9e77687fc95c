// The marketplace's cards as one element. All text is set as text, never as markup; a plain click on "Details" opens the
// agent in place, and the same link opened in another tab works too.
export default function ({ data, parentElement, setTriggerValue }) {
  const cards = node("div", { class: "cards", "aria-label": data.label, role: "list" }, data.cards.map((card) => cardOf(card, setTriggerValue)));
  const old = parentElement.querySelector(".cards");
  old ? old.replaceWith(cards) : parentElement.append(cards);
}

function cardOf(card, setTriggerValue) {
  const title = node("h4", {}, [document.createTextNode(card.name), badge({ tone: "gray", icon: "", text: card.version })]);
  const can = card.can ? [node("p", {}, [node("strong", { text: "Can:" }), document.createTextNode(` ${card.can}`)])] : [];
  return node("article", { role: "listitem", "data-agent": card.slug }, [
    title,
    node("p", { class: "badges" }, card.state.map(badge)),
    ...said("epithet", card.epithet),
    ...said("tagline", card.tagline),
    ...said("introduction", card.introduction),
    ...can,
    node("p", { class: "badges" }, card.about.map(badge)),
    node("div", { class: "actions" }, actionsOf(card, setTriggerValue)),
  ]);
}

function actionsOf(card, setTriggerValue) {
  const details = node("a", { href: card.address, class: "button", "aria-label": `Details of ${card.name}`, text: "Details" });
  details.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    setTriggerValue("opened", card.slug);
  };
  if (!card.usable) return [details];
  const plus = node("span", { class: "icon", "aria-hidden": "true", text: "add" });
  const use = node("button", { type: "button", class: "button primary", "aria-label": `Use this agent: ${card.name}` }, [plus, document.createTextNode("Use this agent")]);
  use.onclick = () => setTriggerValue("used", card.slug);
  return [use, details];
}

function said(kind, text) {
  return text ? [node("p", { class: kind, text })] : [];
}

function badge({ tone, icon, text }) {
  const mark = icon ? [node("span", { class: "icon", "aria-hidden": "true", text: icon })] : [];
  return node("span", { class: `badge ${tone}` }, [...mark, document.createTextNode(text)]);
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
