// When Streamlit is done with a component. It runs the cleanup of a call as soon as the next one has begun while the
// first still waits for its module: two messages close together would take away what somebody is writing in. Only an
// element that has left the document is really gone; React takes it out before it cleans up.

/** The cleanup of a call: it ends what was drawn under `root` when `root` is no longer part of the document. */
export function whenGone(root: ShadowRoot, end: () => void): () => void {
  return () => {
    if (!root.host.isConnected) end();
  };
}
