"""Command-line options made from configuration classes, so that no option is written twice.

`@configured(TrainConfig)` gives a verb one option per field: its name, type, default and description are the field's.
Nested configurations are flattened. The verb receives the finished configuration as its parameter `config`. Where a
file may hold the configuration (`--config`), options that are given stand above it. Where options may have several
values, the verb receives a configuration for each combination of them, as `configs`.
"""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import json
import types
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from mistudio.config import Config, path_of
from mistudio.errors import BadInput
from mistudio.sae.config import TRAINABLE

_Kind = TypeVar("_Kind", bound=Config)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
_ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="A JSON file with the fields of the configuration; options given stand above it."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Directory to write; a new one in the store if not given.")]


class _Field(NamedTuple):
    """A field of a configuration or of one nested in it."""

    path: tuple[str, ...]
    info: FieldInfo
    owner: str
    """Class of the configuration that it belongs to; names the panel in `--help`."""
    architectures: tuple[str, ...] = ()
    """Those that have it; none where it does not depend on the architecture."""

    @property
    def name(self) -> str:
        return self.path[-1]


def configured(
    kind: type[Config],
    *,
    leave_out: tuple[str, ...] = (),
    names: Mapping[str, tuple[str, ...]] | None = None,
    from_file: bool = False,
    several: bool = False,
) -> Callable[[Callable[..., Any]], Any]:
    """Replace the decorated verb's parameter `config` by options for the fields of `kind`.

    Args:
        kind: the configuration class.
        leave_out: fields that the verb fills in itself, through `config(name=value)`; the verb then receives a function
            that takes them and returns the configuration.
        names: what an option is called where not after its field.
        from_file: add `--config`; the verb must take the parameter `context`.
        several: an option may be given several times; the verb receives `configs`, one for each combination.
    """
    fields = [field for field in _flatten(kind) if field.name not in leave_out]

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(verb, include_extras=True)
        own = [
            parameter.replace(annotation=hints.get(name, parameter.annotation))
            for name, parameter in inspect.signature(verb).parameters.items()
            if name != ("configs" if several else "config")
        ]
        options = [
            _option(field, (names or {}).get(field.name), plural=several and _is_plural(field)) for field in fields
        ]
        if from_file:
            options.append(
                inspect.Parameter("config_file", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_ConfigFile)
            )

        @functools.wraps(verb)
        def run(**arguments: Any) -> Any:
            given = {field: _named(arguments.pop(field.name)) for field in fields if field.name in arguments}
            file = arguments.pop("config_file", None)
            if file is not None:
                given = {field: value for field, value in given.items() if _is_given(arguments["context"], field.name)}
            content = _read(kind, file) if file is not None else {}
            combinations = _combinations(given, content, fields, arguments.get("context"), several=several)
            if several:
                return verb(**arguments, configs=[_build(kind, each, content) for each in combinations])
            build = functools.partial(_build, kind, combinations[0], content)
            return verb(**arguments, config=build if leave_out else build())

        ordered = sorted([*own, *options], key=lambda parameter: parameter.default is not parameter.empty)
        vars(run)["__signature__"] = inspect.Signature(ordered)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in ordered}
        del run.__wrapped__
        return run

    return decorate


def _flatten(kind: type[Config], path: tuple[str, ...] = ()) -> Iterator[_Field]:
    for name, info in kind.model_fields.items():
        choices = _choices(info.annotation)
        if len(choices) > 1:
            yield from _flatten_choice(choices, info, (*path, name))
        elif choices:
            yield from _flatten(choices[0], (*path, name))
        elif name != "architecture":  # It stands once before the options of all architectures.
            yield _Field((*path, name), info, _title(kind))


def _title(kind: type[Config]) -> str:
    return kind.__name__.removesuffix("Config").removesuffix("Training")


def _flatten_choice(choices: list[type[Config]], info: FieldInfo, path: tuple[str, ...]) -> Iterator[_Field]:
    """The architecture, then what all have, then what only some have."""
    names = {choice: choice.model_fields["architecture"].default for choice in choices}
    default = info.get_default(call_default_factory=True).architecture
    words = "The architecture. " + " ".join(f"{name}: {each.why}" for name, each in TRAINABLE.items())
    which = FieldInfo(annotation=Literal[tuple(names.values())], default=default, description=words)  # type: ignore[arg-type]
    yield _Field((*path, "architecture"), which, "SAE")
    flat = {field.name: field for choice in reversed(choices) for field in _flatten(choice, path)}
    own = []
    for field in flat.values():
        having = tuple(name for choice, name in names.items() if field.name in choice.model_fields)
        if len(having) == len(choices):
            yield field._replace(owner="SAE")
        else:
            owners = ", ".join(_title(choice) for choice in choices if field.name in choice.model_fields)
            own.append(field._replace(owner=owners, architectures=having))
    yield from own


def _combinations(
    given: dict[_Field, Any],
    content: dict[str, Any],
    fields: list[_Field],
    context: typer.Context | None,
    *,
    several: bool,
) -> list[dict[_Field, Any]]:
    """Every combination of the values given, each without the options of other architectures than its own.

    Raises:
        BadInput: an option was given that no architecture chosen has.
    """
    values = [
        value if several and _is_plural(field) and value is not None else [value] for field, value in given.items()
    ]
    combinations: list[dict[_Field, Any]] = []
    for each in itertools.product(*values):
        kept = _of_its_architecture(dict(zip(given, each, strict=True)), content, fields)
        if kept not in combinations:
            combinations.append(kept)
    for field in given:
        if field.architectures and context is not None and _is_given(context, field.name):
            _check_has_it(field, [_architecture_beside(field, each, content, fields) for each in combinations])
    return combinations


def _check_has_it(field: _Field, chosen: list[str]) -> None:
    if not set(chosen) & set(field.architectures):
        option, having = field.name.replace("_", "-"), ", ".join(field.architectures)
        raise BadInput(
            f"--{option} is an option of {having}, not of {', '.join(dict.fromkeys(chosen))}.",
            remedy=f"Leave it out, or choose --arch {field.architectures[0]}.",
        )


def _of_its_architecture(given: dict[_Field, Any], content: dict[str, Any], fields: list[_Field]) -> dict[_Field, Any]:
    """What is given without the options of other architectures."""
    return {
        field: value
        for field, value in given.items()
        if not field.architectures or _architecture_beside(field, given, content, fields) in field.architectures
    }


def _architecture_beside(field: _Field, given: dict[_Field, Any], content: dict[str, Any], fields: list[_Field]) -> str:
    """The architecture chosen where a field stands: as an option, in the file, or by default."""
    which = next(each for each in fields if each.path == (*field.path[:-1], "architecture"))
    place = content
    for name in which.path[:-1]:
        place = place.get(name, {})
    return str(given.get(which) or place.get("architecture", which.info.default))


def _is_plural(field: _Field) -> bool:
    """Whether an option may have several values: not a switch, and no list, whose repetition is one value."""
    return field.info.annotation is not bool and get_origin(field.info.annotation) is not tuple


def _choices(annotation: Any) -> list[type[Config]]:
    """The configurations that a field may hold; none where it holds a plain value."""
    candidates = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    plain = [get_args(each)[0] if get_origin(each) is Annotated else each for each in candidates]
    return [each for each in plain if isinstance(each, type) and issubclass(each, Config)]


def _option(field: _Field, names: tuple[str, ...] | None, *, plural: bool) -> inspect.Parameter:
    annotation, info = _plain(field.info.annotation), field.info
    flag = field.name.replace("_", "-")
    names = names or (f"--{flag}/--no-{flag}" if annotation is bool else f"--{flag}",)
    help_text = " ".join((info.description or "").split()).replace("`", "")
    default = inspect.Parameter.empty if info.is_required() else info.get_default(call_default_factory=True)
    if isinstance(default, tuple):
        default = list(default)
    more: dict[str, Any] = {}
    kinds = [each for each in get_args(annotation) if each is not type(None)] if _is_union(annotation) else []
    if len(kinds) > 1:
        # Typer knows no choice between types: the option is a text, and the configuration says what it means.
        more = {"metavar": f"<{'|'.join(map(_word, kinds))}>"}
        annotation = str | None
    elif default is not None and type(None) in get_args(annotation):
        more = {"parser": functools.partial(_or_none, annotation), "metavar": f"<{_words(annotation)}|none>"}
        help_text = f"{help_text} Write none for null."
    if plural:
        annotation = list[_of_one(annotation)]  # type: ignore[misc]  # built at run time
        default = None if default is None else [default]
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[
            annotation, typer.Option(*names, help=help_text, rich_help_panel=f"{field.owner} options", **more)
        ],
    )


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _of_one(annotation: Any) -> Any:
    """The type of one value of a list, in the words that Typer understands there: no None, and choices as an Enum."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = Union[tuple(each for each in get_args(annotation) if each is not type(None))]  # noqa: UP007
    if get_origin(annotation) is Literal:
        return StrEnum("Choice", {value: value for value in get_args(annotation)})
    return annotation


def _named(value: Any) -> Any:
    """What was given, choices of a list by their names."""
    if isinstance(value, list):
        return [str(one) if isinstance(one, StrEnum) else one for one in value]
    return value


def _words(annotation: Any) -> str:
    return "|".join(_word(each) for each in get_args(annotation) if each is not type(None))


def _word(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _word(get_args(annotation)[0])
    return str(annotation.__name__)


def _or_none(annotation: Any, value: Any) -> Any:
    """The value that a text means, for an option that has a default and may be none."""
    if value is None or value == "none":
        return None
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise typer.BadParameter(f"{value!r} is neither {_words(annotation)} nor none.") from error


def _plain(annotation: Any) -> Any:
    """The annotation in the words that Typer understands: tuples of one type become lists."""
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple:
        return list[_of_one(arguments[0])] if arguments[-1] is Ellipsis else annotation  # type: ignore[misc]
    if get_origin(annotation) in (Union, types.UnionType):
        return Union[tuple(_plain(argument) for argument in arguments)]  # noqa: UP007 — built at run time
    return annotation


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and not source.name.startswith("DEFAULT")


def _read(kind: type[Config], file: Path) -> dict[str, Any]:
    """The content of a configuration file.

    Raises:
        BadInput: it is not there, is not JSON, or is no configuration of that kind.
    """
    fields = f"Give a JSON object with fields of {kind.__name__}; docs/reference/config.md lists them."
    try:
        content = json.loads(file.expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", remedy=fields) from error
    except ValueError as error:
        raise BadInput(f"{file} is not JSON: {error}.", remedy=fields) from error
    if not isinstance(content, dict):
        raise BadInput(f"{file} does not hold a JSON object.", remedy=fields)
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        name = path_of(first["loc"], TRAINABLE)
        if first["type"] == "extra_forbidden":
            raise BadInput(f"{file} has a field that does not exist: {name}.", remedy=fields) from error
        message = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{file}: {name}: {message}." if name else f"{file}: {message}.", remedy=fields) from error
    return content


def _build(kind: type[Config], given: dict[_Field, Any], content: dict[str, Any], **filled_in: Any) -> Config:
    content = copy.deepcopy(content)
    for field, value in given.items():
        place = content
        for name in field.path[:-1]:
            place = place.setdefault(name, {})
        place[field.name] = tuple(value) if isinstance(value, list) else value
    return validated(kind, content | filled_in)


def validated(kind: type[_Kind], content: dict[str, Any]) -> _Kind:
    """The configuration of that content.

    Raises:
        BadInput: a value cannot be; the message names its option.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        # Behind the field stands which of several types was tried: no identifier, such as "constrained-float".
        names = [str(each) for each in first["loc"] if str(each).isidentifier()]
        option = names[-1].replace("_", "-") if names else ""
        message = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"--{option}: {message}." if option else f"{message[0].upper()}{message[1:]}.") from error
