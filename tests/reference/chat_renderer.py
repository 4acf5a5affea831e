"""What chat_templates.py and jinja_language.py share: transformers' renderer at a fixed time.

Needs transformers and jinja2 as requirements.txt has them; no PyTorch, so common.py is not used.
"""

import importlib.metadata
import json
import pathlib
from datetime import datetime

import jinja2
from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).parent
TESTS = HERE / "../../rust/template/tests"
VERSIONS = {"transformers": "5.23.0", "jinja2": "3.1.6"}
NOW = datetime(2026, 1, 15, 12, 0, 0)


class Stopped(datetime):
    """A clock that stands still, for strftime_now."""

    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = Stopped


def compiled(source):
    return chat_template_utils._compile_jinja_template(source)


def described(error):
    """The class of an error and its message, as Python says them."""
    return f"{type(error).__name__}: {error}"


def raised(error):
    """Whether the template itself refused, by raise_exception."""
    return type(error) is jinja2.TemplateError


def origin():
    for package, version in VERSIONS.items():
        found = importlib.metadata.version(package)
        if found != version:
            raise SystemExit(f"{package} {version} is wanted, {found} is installed")
    return {**VERSIONS, "now": NOW.isoformat()}


def line(value):
    return json.dumps(value, ensure_ascii=False)


def write(path, text):
    """Refuses what a JSON reader that wants Unicode would refuse: lone surrogates."""
    path.write_bytes(text.encode("utf-8"))
    print(f"{path.name}: {path.stat().st_size} bytes")
