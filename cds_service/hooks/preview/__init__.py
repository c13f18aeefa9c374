"""The preview: what the service would say to typed, pasted, chosen or fetched data, and the whole chain of reasons."""
