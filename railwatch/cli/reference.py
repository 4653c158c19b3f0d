"""docs/cli.md, written from the commands themselves (`make docs`).

A test compares the file with what this module writes, so a command cannot be missing from it.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from railwatch.cli import railwatch

HEADER = """\
# Command line

Written by `make docs` from the commands' own help; edit the help, not this file.
Results go to stdout and everything else to stderr. `--store` takes a folder or `s3://bucket/prefix`.
"""


def reference() -> str:
    """Give docs/cli.md: every command and subcommand with its help."""
    sections = [HEADER]
    with click.Context(railwatch, info_name="railwatch", **railwatch.context_settings) as ctx:
        for path, text in _walk(railwatch, ctx):
            sections.append(f"## {path}\n\n```text\n{text}\n```\n")
    return "\n".join(sections)


def _walk(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Give (command path, help) of a command and of all below it."""
    lines = (line.rstrip() for line in command.get_help(ctx).splitlines())
    yield ctx.command_path, "\n".join(lines)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            if child is not None:
                with click.Context(child, info_name=name, parent=ctx) as inner:
                    yield from _walk(child, inner)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
