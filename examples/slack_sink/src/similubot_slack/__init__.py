"""A sink for SimiluBot: tells Slack when an operation begins and how it ended."""

from similubot_core import Check, Settings, Sink, SinkContext, SinkSpec, hookimpl


def _open(context: SinkContext) -> Sink:
    from similubot_slack.sink import open_slack_sink

    return open_slack_sink(context)


def _check(settings: Settings) -> list[Check]:
    from similubot_slack.settings import SlackSettings

    there = bool(settings.table(SlackSettings).webhook_url)
    detail = "the webhook is set" if there else "no webhook is set"
    return [Check("Slack", there, detail, "Set SIMILUBOT_SLACK_WEBHOOK_URL.")]


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink `slack`."""
    from similubot_slack.settings import SlackSettings

    return [SinkSpec("slack", "a Slack channel", _open, settings=SlackSettings, check=_check)]
