// Streamlit gets these few lines with every message; what they draw is one file under static/, loaded once.
export default async function (component) {
  try {
    return (await import(new URL(component.data.bundle, location.origin).href)).default(component);
  } catch (error) {
    console.warn("The events could not be drawn.", error);
    component.parentElement.textContent = "This could not be drawn. Reload the page.";
  }
}
