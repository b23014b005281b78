"""The ``siphonwatch`` command. Each command's module is imported when it runs, so that help and version answer at once.

A wrong option, URL or file is one clear line and exit code 2.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import click
from siphonwatch.streams.common.signals import leave_on_signals, raise_on_interrupt

HELP = "Finds systematic harvesting of an LLM's answers in API request logs, live and in replay."
SERVICES = {"run", "sidecar", "desk", "demo"}  # end with 0 when they are told to; the others are interrupted
COMMANDS = {  # in the order of a newcomer's questions: command -> (module, what it does)
    "demo": ("demo", "Run the live pipeline with embedded parts: a Redis-protocol server and the simulator."),
    "check": ("check", "Say how a log would be read: what is recognised, refused and missing. Judges nobody."),
    "formats": ("formats", "List the log formats that are read, who the account is in each, and what each can never know."),
    "replay": ("replay", "Run old logs through the same detector: the same records give the same bytes out."),
    "backtest": ("backtest", "Judge what a replay kept again, under other settings, prior or rulings: what would change."),
    "run": ("run", "Watch a live log: one worker of a group; start as many as the topic has partitions."),
    "sidecar": ("sidecar", "Answer a gateway whether a request may go on."),
    "desk": ("desk", "Serve the analyst's pages, over the live store or a finished replay."),
    "top": ("top", "Show the accounts of strongest evidence."),
    "account": ("account", "Show an account's features beside the population's, its score, level and reasons."),
    "campaigns": ("campaigns", "List the campaigns: accounts that are judged as one."),
    "campaign": ("campaigns", "Show one campaign: its members, what ties them, its size, start and tokens taken."),
    "queue": ("queue", "Show whom to look at next: one account for each behaviour."),
    "rule": ("rulings", "Teach the model: what an account or a campaign really was."),
    "allow": ("rulings", "Put an account or a campaign on the allow list until a day."),
    "rulings": ("rulings", "What analysts ruled: list it, take it back."),
    "report": ("report", "Write a signed case on an account or a campaign."),
    "verify": ("report", "Check a report's signature."),
    "audit": ("report", "The audit log: list it, check its chain."),
    "forget": ("report", "Erase an account, and say what Kafka still holds."),
    "train": ("train", "Make a prior of your own from a log and the accounts that you banned."),
    "migrate": ("migrate", "Copy a store of the version before into this version's layout."),
    "simulate": ("simulate", "Write labelled traffic of the project's own making."),
    "settings": ("settings", "Show every setting, its default, and what it does."),
    "prior": ("prior", "Make the shipped prior again."),
}


class _Lazy(click.Group):
    """Commands by name, imported when they are wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in SERVICES:
            raise_on_interrupt()
        module = import_module(f"siphonwatch.streams.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        command.help = command.help or COMMANDS[cmd_name][1]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from siphonwatch.streams.common.version import program_version

        click.echo(program_version())
        ctx.exit()


@click.group(cls=_Lazy, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version and leave.")
def app() -> None:
    """Parse nothing here: every command has its own options."""


def main() -> None:
    """The console script."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # matrices here are small: more threads wait for each other, on a gateway's cores
    leave_on_signals()
    from siphonwatch.streams.common.errors import SiphonwatchError, UsageError

    try:
        sys.exit(app(prog_name="siphonwatch", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "siphonwatch"
        _fail(f"{error.format_message()} `{where} --help` lists what there is", 2)
    except UsageError as error:
        _fail(str(error), 2)
    except SiphonwatchError as error:
        _fail(str(error), 1)
    except ModuleNotFoundError as error:
        _fail(f"the module {error.name} is missing: install the extra that this command needs, such as '.[worker]' or '.[all]'", 2)
    except click.Abort:
        _fail("interrupted", 130)
    except BrokenPipeError:
        sys.exit(0)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"siphonwatch: {message}", err=True)
    sys.exit(code)
