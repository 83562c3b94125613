"""Who may use the bot."""

from similubot_bot.access import Requester, may_cancel, may_see_status, refusal
from similubot_bot.settings import BotSettings


def test_everybody_may_where_nothing_is_set() -> None:
    assert refusal(BotSettings(), Requester(1)) is None
    assert refusal(BotSettings(), Requester(1, server=2, channels=frozenset({3}))) is None


def test_only_the_servers_that_are_named_are_served_and_no_direct_messages() -> None:
    settings = BotSettings(servers=(2,))
    assert refusal(settings, Requester(1, server=2)) is None
    assert refusal(settings, Requester(1, server=3)) is not None
    assert refusal(settings, Requester(1)) is not None


def test_a_thread_counts_as_its_channel() -> None:
    settings = BotSettings(channels=(10,))
    assert refusal(settings, Requester(1, 2, frozenset({99, 10}))) is None
    assert refusal(settings, Requester(1, 2, frozenset({99}))) is not None


def test_a_role_or_a_name_on_the_list_will_do() -> None:
    settings = BotSettings(roles=(5,), users=(6,))
    assert refusal(settings, Requester(1, roles=frozenset({5, 8}))) is None
    assert refusal(settings, Requester(6)) is None
    assert refusal(settings, Requester(1, roles=frozenset({8}))) is not None


def test_an_admin_may_everywhere() -> None:
    settings = BotSettings(servers=(2,), channels=(3,), roles=(4,), admins=(1,))
    assert refusal(settings, Requester(1)) is None
    assert may_see_status(settings, Requester(1))
    assert may_cancel(settings, Requester(1), owner=9, server=8, channel=7)


def test_a_job_is_cancelled_by_its_owner_or_by_a_moderator_of_its_channel() -> None:
    settings = BotSettings()
    assert may_cancel(settings, Requester(1, server=5), owner=1, server=2, channel=3)
    here = frozenset({3})
    assert may_cancel(settings, Requester(7, 2, here, moderates=True), 1, server=2, channel=3)
    assert not may_cancel(settings, Requester(7, 2, here, moderates=True), 1, server=2, channel=4)
    assert may_cancel(settings, Requester(7, 2, here, manages=True), 1, server=2, channel=4)
    assert not may_cancel(settings, Requester(7, 2, here), 1, server=2, channel=3)
    assert not may_cancel(settings, Requester(7, 3, here, moderates=True), 1, server=2, channel=3)
    assert not may_cancel(settings, Requester(7, moderates=True), 1, server=None, channel=3)


def test_a_list_that_is_set_but_empty_lets_nobody_in() -> None:
    for settings in (BotSettings(users=()), BotSettings(roles=()), BotSettings(servers=())):
        assert refusal(settings, Requester(1, server=2)) is not None
    assert refusal(BotSettings(channels=()), Requester(1, 2, frozenset({3}))) is not None
    assert refusal(BotSettings(users=(), admins=(1,)), Requester(1)) is None
