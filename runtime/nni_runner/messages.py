"""What is said on standard error."""

from __future__ import annotations

import contextlib

import click


def say(message: str) -> None:
    """Says it. That it can't be shown is no reason to end anything."""
    with contextlib.suppress(OSError):
        click.echo(message, err=True)
