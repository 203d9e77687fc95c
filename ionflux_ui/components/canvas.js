// Streamlit gets these few lines with every message; the board itself is one file under static/, loaded once.
export default async function (component) {
  const address = new URL(component.data.bundle, location.origin).href;
  try {
    return (await import(address)).default(component);
  } catch (error) {
    console.warn("The page could not be loaded; its texts are listed instead.", error);
    return plainList(component);
  }
}

function plainList({ data, parentElement }) {
  const list = document.createElement("div");
  for (const block of data.blocks) {
    const text = document.createElement("pre");
    text.style.cssText = "white-space:pre-wrap;font:inherit;color:var(--st-text-color)";
    text.textContent = [block.title, block.view.text].filter(Boolean).join("\n") || `(${block.type})`;
    list.append(text);
  }
  parentElement.replaceChildren(list);
}
