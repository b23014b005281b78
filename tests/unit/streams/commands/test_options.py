"""No option of any command takes a number that is none."""

from __future__ import annotations

import click
import pytest
from siphonwatch.streams.commands.main import app
from siphonwatch.streams.commands.options import Real
from siphonwatch.streams.common.config import Config


def every(group: click.Group, *path: str) -> list[tuple[str, click.Parameter]]:
    """(the words of the command, a parameter of it) of all commands within ``group``."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            found += every(command, *path, name)
        else:
            found += [(" ".join((*path, name)), one) for one in command.params]
    return found


def real(option: click.Parameter) -> bool:
    """Whether it takes a real number, and is no setting: the configuration looks at those."""
    return option.name not in Config.model_fields and isinstance(option.type, click.types.FloatParamType)


REAL = [(words, option) for words, option in every(app) if real(option)]


def test_there_are_such_options() -> None:
    assert len(REAL) >= 4


@pytest.mark.parametrize(("words", "option"), REAL, ids=lambda each: each if isinstance(each, str) else each.name)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_number_without_an_end_is_a_wrong_option(words: str, option: click.Parameter, value: str) -> None:
    assert isinstance(option.type, Real)
    with pytest.raises(click.BadParameter):
        option.type.convert(value, option, None)
