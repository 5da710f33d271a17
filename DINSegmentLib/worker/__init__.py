"""The process that keeps torch and a model loaded outside Slicer: `server` runs in it, `client` controls it."""
