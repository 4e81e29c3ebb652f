"""The configuration keys as a Markdown table, generated from the settings models.

``python -m plan.config_table`` prints it (``make config``); ``--write`` puts it into README.md between its markers.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from settings import PROJECT, Settings

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- config table: make readme -->", "<!-- end of config table -->"


def rows(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Key, default and meaning of every value that a stack can be told, nested models flattened."""
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        key = f"{prefix}{field.alias or name}"
        nested = _nested(field)
        if nested is not None:
            yield from rows(nested, f"{key}.")
        else:
            yield key, _default(field), field.description or ""


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _default(field: FieldInfo) -> str:
    default: object = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "required"
    return "" if default is None else f"`{json.dumps(default, default=str)}`"


def markdown() -> str:
    """The whole table; keys are relative to the project's namespace, except ``aws:region``."""
    lines = [f"| key (`{PROJECT}:…`) | default | meaning |", "|---|---|---|"]
    lines += [f"| `{key}` | {default} | {_cell(meaning)} |" for key, default, meaning in rows()]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_table(readme: str) -> str:
    """``readme`` with the table between its markers brought up to date.

    Raises:
        ValueError: the markers are missing.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(readme):
        raise ValueError(f"README.md lacks the markers {BEGIN} and {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{markdown()}\n{END}", readme)


def main(arguments: list[str]) -> None:
    """Prints the table, or writes it into README.md with ``--write``."""
    if arguments == ["--write"]:
        README.write_text(with_table(README.read_text()))
    else:
        for key, default, meaning in rows():
            print(f"{key:<52} {default.strip('`') or '-':<36} {meaning}")


if __name__ == "__main__":
    main(sys.argv[1:])
