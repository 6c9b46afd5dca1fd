"""``ccstream doctor``: look at everything that a worker needs."""

from __future__ import annotations

import typer

from ccstream.cli.options import AppId, Bootstrap, Json

__all__ = ["app"]

app = typer.Typer()


@app.command()
def doctor(bootstrap: Bootstrap = None, app_id: AppId = None, json: Json = False) -> int:
    """Check settings, keys, schemas, brokers, topics, rights, producers and clocks.

    What is not well comes with what to do.

    Each line is ok, warn (it works, and you should know) or fail. Exit code 1 if one fails.
    To measure the broker's clock it makes a topic `ccstream.doctor.…`, writes two records
    and deletes it.

    For example:

        ccstream doctor --bootstrap kafka:9092
    """
    from ccstream.cli.console import data, say, table
    from ccstream.gateway.doctor import gateway_keys
    from ccstream.ops.doctor import examine
    from ccstream.ops.settings import Settings

    findings = []
    say("looking at settings, keys, schemas, brokers, topics, rights, producers and clocks …")
    for finding in examine(
        lambda: Settings.load(kafka__bootstrap=bootstrap, app_id=app_id), (gateway_keys,)
    ):
        findings.append(finding)
        if json:
            data(finding)
    if not json:
        table(
            ("", "check", "found", "what to do"),
            ((one.state, one.check, one.found, one.advice) for one in findings),
        )
    failed = sum(one.state == "fail" for one in findings)
    warned = sum(one.state == "warn" for one in findings)
    say(f"{failed} to mend, {warned} to know" if failed or warned else "all is well")
    return 1 if failed else 0
