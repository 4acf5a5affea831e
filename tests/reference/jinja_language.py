#!/usr/bin/env python3
"""Jinja as chat templates have it: rust/template/tests/language/cases.json.

    tests/reference/jinja_language.py

Renders each snippet of jinja_snippets.py with the environment that transformers makes
(chat_renderer.py has the versions) and notes the text, or the error and whether it came
from reading or from running the template.
"""

from chat_renderer import TESTS, compiled, described, line, origin, raised, write
from jinja_snippets import BEYOND, CONTENT, CONTEXT, MARKERS, SNIPPETS


def outcome(source, context):
    try:
        template = compiled(source)
    except Exception as error:
        return {"error": described(error), "at": "compile"}
    try:
        return {"output": template.render(context)}
    except Exception as error:
        return {"error": described(error), "at": "raise" if raised(error) else "render"}


def cases():
    for group, snippets in SNIPPETS.items():
        for snippet in snippets:
            source, context = snippet if isinstance(snippet, tuple) else (snippet, None)
            case = {"group": group, "source": source}
            if context is not None:
                case["context"] = context
            if group in BEYOND:
                case["may_refuse"] = True
            case |= outcome(source, CONTEXT if context is None else context)
            if " at 0x" in case.get("output", ""):
                raise SystemExit(f"prints an address: {source}")
            yield case
    for source, context, own in CONTENT:
        case = {"group": "markers in content", "source": source, "context": context}
        yield case | {"own_markers": own} | outcome(source, context)


head = {"origin": origin(), "markers": MARKERS, "context": CONTEXT}
lines = [f" {line(key)}: {line(value)}," for key, value in head.items()]
rows = ",\n".join(f"  {line(case)}" for case in cases())
text = "\n".join(["{", *lines, ' "cases": [', rows, " ]", "}", ""])
write(TESTS / "language/cases.json", text)
