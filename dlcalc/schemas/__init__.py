"""The forms of all JSON answers, a module a command, as JSON Schema."""
