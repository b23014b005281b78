"""Options made from the settings: a command names the settings that it takes, and gets a configuration."""

from __future__ import annotations

import types
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from siphonwatch.streams.common import config, logs
from siphonwatch.streams.common.config import Config

Command = TypeVar("Command", bound=Callable[..., Any])

STORE = ("store", "decision_topic", "prefix")  # what names a live store, for every command that asks one


class Real(click.FloatRange):
    """A number within its range; click's own takes NaN for one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; a usage error for anything else."""
        found = super().convert(value, param, ctx)
        if not isfinite(found):
            self.fail(f"{value} is no finite number", param, ctx)
        return found


def configured(*names: str) -> Callable[[Command], Command]:
    """Give a command ``--config`` and an option for each of the settings ``names``; it is called with ``settings``, a ``Config``.

    An option that was not given leaves the setting to the environment, to the file, and to its default. Logging is set up on the way.
    """

    def decorate(command: Command) -> Command:
        def run(config_file: Path | None, **given: Any) -> Any:
            chosen = {name: given.pop(name) for name in names}
            settings = config.load(config_file, **chosen)
            logs.configure(settings.log_level)
            return command(settings=settings, **given)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__click_params__ = list(getattr(command, "__click_params__", ()))  # type: ignore[attr-defined]
        for name in reversed(names):
            run = _setting(name, Config.model_fields[name])(run)
        file = click.option(
            "--config", "config_file", type=click.Path(path_type=Path), help="TOML file with settings; the options here weigh more."
        )
        made: Command = file(run)  # type: ignore[assignment]
        return made

    return decorate


def _setting(name: str, field: FieldInfo) -> Callable[[Command], Command]:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    flag = str(extra.get("option", "--" + name.replace("_", "-")))
    shown = "" if field.default is None or not str(field.default) else f"  [default: {field.default}]"
    described = f"{field.description}{shown}"
    if field.annotation is bool:
        return click.option(flag, name, is_flag=True, default=None, help=described)
    return click.option(flag, name, type=_type(field.annotation), default=None, help=described)


def _type(annotation: Any) -> Any:
    """What click checks a value by; ranges are the configuration's to check, so that a file and a variable get the same words."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return str
    return click.Path(path_type=Path) if annotation is Path else annotation
