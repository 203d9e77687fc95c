// Streamlit gets these few lines with every message; the bar itself is one file under static/, loaded once.
export default async function (component) {
  try {
    return (await import(new URL(component.data.bundle, location.origin).href)).default(component);
  } catch (error) {
    console.warn("Search and notifications could not be loaded.", error);
  }
}
