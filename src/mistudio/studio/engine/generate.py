"""Write engine.binpb from engine.proto: `python -m mistudio.studio.engine.generate`.

It is the compiled schema, a FileDescriptorSet, and not Python code: generated code asks for the protobuf version that
it was generated with, and would tie everything installed beside miStudio to it.
"""

from __future__ import annotations

from pathlib import Path

from mistudio.errors import MissingExtra, MistudioError

HERE = Path(__file__).resolve().parent
COMPILED = HERE / "engine.binpb"


def generate(out: Path) -> None:
    """Compile engine.proto into `out`.

    Raises:
        MissingExtra: grpcio-tools is not installed.
        MistudioError: engine.proto is not valid.
    """
    try:
        from grpc_tools import protoc  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra(
            "grpcio-tools is not installed.", remedy="Install it with pip install 'mistudio[dev]'."
        ) from error
    if protoc.main(["protoc", f"--proto_path={HERE}", f"--descriptor_set_out={out}", "engine.proto"]) != 0:
        raise MistudioError("engine.proto could not be compiled.", remedy="The compiler's message is above.")


if __name__ == "__main__":
    generate(COMPILED)
