// Streamlit gets these few lines with every message; the editor itself is one file under static/, loaded once.
export default async function (component) {
  const address = new URL(component.data.bundle, location.origin).href;
  try {
    return (await import(address)).default(component);
  } catch (error) {
    console.warn("The editor could not be loaded; a plain text field stands in for it.", error);
    return plainField(component);
  }
}

function plainField({ data, parentElement, setStateValue, setTriggerValue }) {
  let field = parentElement.querySelector("textarea");
  if (!field) {
    field = document.createElement("textarea");
    field.spellcheck = false;
    field.style.cssText = "box-sizing:border-box;width:100%;height:100%;font:0.8125rem var(--st-code-font);padding:0.5rem;"
      + "color:var(--st-text-color);background:var(--st-background-color);border:1px solid var(--st-border-color)";
    parentElement.append(field);
  }
  if (field.dataset.revision !== String(data.revision)) field.value = data.text;
  field.dataset.revision = String(data.revision);
  field.setAttribute("aria-label", data.label);
  const send = () => setStateValue("draft", { text: field.value, revision: data.revision });
  field.onchange = send;
  field.onkeydown = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    send();
    setTriggerValue("asked", true);
  };
}
