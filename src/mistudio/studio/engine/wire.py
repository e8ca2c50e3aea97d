"""Between messages.py's classes and bytes, by the names of their fields: engine.proto says how each travels.

A field that is None does not travel. One that did not travel takes the default of its class, and is None where the
class has none. Descriptors are annotated as Any: protobuf makes them in C, of classes that have no name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, get_args

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from pydantic import BaseModel, ValidationError

from mistudio.config import Config
from mistudio.errors import BadInput
from mistudio.studio.engine.generate import COMPILED

PACKAGE = "mistudio.engine.v1"

C = TypeVar("C", bound=Config)


@cache
def schema() -> Any:
    """The compiled engine.proto."""
    pool = DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(COMPILED.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def calls() -> Any:
    """The calls that engine.proto declares."""
    return schema().FindServiceByName(f"{PACKAGE}.Engine")


@cache
def message_of(kind: type[BaseModel]) -> type[Message]:
    """The message that carries a class: the one of its name."""
    return message_factory.GetMessageClass(schema().FindMessageTypeByName(f"{PACKAGE}.{kind.__name__}"))


def encode(content: Config) -> bytes:
    """The bytes of a message.

    Raises:
        BadInput: a text is no Unicode, or a number is too large.
    """
    message = message_of(type(content))()
    try:
        _fill(message, dict(content))
    except (ValueError, TypeError) as error:
        raise BadInput(
            f"The engine cannot be asked this: {error}.", remedy="Mend the text or the number that is named."
        ) from error
    return message.SerializeToString()


def decode(data: bytes, kind: type[C]) -> C:
    """The message in some bytes.

    Raises:
        BadInput: they are none, or a value is outside its range.
    """
    try:
        return kind.model_validate(_plain(message_of(kind).FromString(data), kind))
    except DecodeError as error:
        raise BadInput(
            f"These bytes are no {kind.__name__}.", remedy="Use the client of the same miStudio version."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{place or kind.__name__}: {first['msg']}.", remedy="Correct this value.") from error


def _fill(message: Message, values: Mapping[str, Any]) -> None:
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        if value is None:
            continue
        field, slot = fields[name], getattr(message, name)
        if _is_map(field):
            slot.update(value)
        elif field.message_type is None:
            slot.extend(value) if field.is_repeated else setattr(message, name, value)
        elif field.is_repeated:
            for each in value:
                _fill(slot.add(), dict(each))
        else:
            slot.SetInParent()
            _fill(slot, dict(value))


def _plain(message: Message, kind: type[BaseModel] | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        inner = _class_in(kind.model_fields[field.name].annotation) if kind is not None else None
        if _is_map(field):
            values[field.name] = dict(value)
        elif field.is_repeated:
            values[field.name] = [_plain(each, inner) for each in value] if field.message_type else list(value)
        elif field.has_presence and not message.HasField(field.name):
            if kind is None or kind.model_fields[field.name].is_required():
                values[field.name] = None
        else:
            values[field.name] = _plain(value, inner) if field.message_type else value
    return values


def _is_map(field: Any) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _class_in(annotation: Any) -> type[BaseModel] | None:
    """The pydantic class that an annotation such as `tuple[Edit, ...]` or `Row | None` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _class_in(part))), None)
