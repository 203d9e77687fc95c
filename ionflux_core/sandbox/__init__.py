"""Code of strangers: JavaScript and TypeScript in one-shot processes behind walls, WebAssembly without any import."""
