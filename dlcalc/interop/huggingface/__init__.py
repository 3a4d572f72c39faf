"""Hugging Face's config.json: a module a family; each says which layers its numbers make."""
