// Streamlit gets these few lines with every message; the canvas itself is one file under static/, loaded once.
export default async function (component) {
  const address = new URL(component.data.bundle, location.origin).href;
  try {
    return (await import(address)).default(component);
  } catch (error) {
    console.warn("The picture could not be loaded; the nodes are listed instead.", error);
    return plainList(component);
  }
}

function plainList({ data, parentElement }) {
  const list = document.createElement("ul");
  list.style.cssText = "color:var(--st-text-color);font:0.9rem var(--st-font)";
  for (const node of data.picture.nodes) {
    const line = document.createElement("li");
    line.textContent = [node.key, node.kind, node.calls].filter(Boolean).join(" · ");
    list.append(line);
  }
  parentElement.replaceChildren(list);
}
