// Streamlit gets these few lines with every message; the chat itself is one file under static/, loaded once.
export default async function (component) {
  const address = new URL(component.data.bundle, location.origin).href;
  try {
    return (await import(address)).default(component);
  } catch (error) {
    console.warn("The chat could not be loaded; its messages are listed instead.", error);
    return plainList(component);
  }
}

function plainList({ data, parentElement }) {
  const list = document.createElement("ul");
  list.setAttribute("aria-label", "Messages");
  for (const message of data.newest.messages) {
    const line = document.createElement("li");
    line.textContent = `${message.sender.name}: ${message.text}`;
    list.append(line);
  }
  parentElement.replaceChildren(list);
}
