"""The process that keeps torch and a model warm beside Slicer: `server` runs in it, `client` speaks to it."""
