from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from vonggac.accounts import Accounts
from vonggac.domain.access import Principal, UserRole
from vonggac.errors import Conflict, NotAuthenticated, NotFound, UsageRefused
from vonggac.ports import Store

PASSWORD = "một mật khẩu đủ dài"


class Watch:
    """A clock that stands until it is told to move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def accounts(store: Store, watch: Watch) -> Accounts:
    return Accounts(store.records, watch)


def test_a_user_comes_in_with_the_right_password_only(accounts: Accounts) -> None:
    accounts.add_user("Lan", UserRole.ANALYST, "A", PASSWORD)
    assert accounts.check_password("lan", PASSWORD) == Principal("lan", UserRole.ANALYST, "A")
    for name, password in (("lan", "sai mật khẩu rồi"), ("khong-co", PASSWORD)):
        with pytest.raises(NotAuthenticated):
            accounts.check_password(name, password)


def test_a_user_without_a_password_cannot_log_in_with_one(accounts: Accounts) -> None:
    accounts.add_user("may", UserRole.VIEWER)
    with pytest.raises(NotAuthenticated):
        accounts.check_password("may", "")


@pytest.mark.parametrize("name", ["Correlator", "peer:x", "import", "import:cũ"])
def test_nobody_can_be_called_what_histories_call_who_is_no_person(accounts: Accounts, name: str) -> None:
    with pytest.raises(UsageRefused):
        accounts.create_token(UserRole.PEER, label=name)
    with pytest.raises(UsageRefused) as refused:
        accounts.add_user(name, UserRole.ANALYST)
    assert refused.value.key == "user_reserved"


def test_a_name_is_taken_once_and_a_short_password_refused(accounts: Accounts) -> None:
    accounts.add_user("lan", UserRole.VIEWER)
    with pytest.raises(Conflict):
        accounts.add_user("LAN", UserRole.ADMIN)
    with pytest.raises(UsageRefused):
        accounts.add_user("hoa", UserRole.VIEWER, password="ngắn")


def test_no_secret_is_kept_in_clear(accounts: Accounts, store: Store) -> None:
    accounts.add_user("lan", UserRole.ADMIN, password=PASSWORD)
    token = accounts.create_token(UserRole.SENSOR)
    session, form = accounts.open_session(Principal("lan", UserRole.ADMIN))
    link = accounts.one_time_link(Principal("lan", UserRole.ADMIN))
    kept = "".join(
        record.key + str(record.body)
        for kind in ("user", "token", "session", "link")
        for record in store.records.list(kind)
    )
    for secret in (PASSWORD, token, session, link):
        assert secret not in kept
    assert form in kept  # it is worth nothing without the session


def test_a_token_is_its_role_and_a_wrong_one_nothing(accounts: Accounts) -> None:
    token = accounts.create_token(UserRole.SENSOR, "A", "cổng 1")
    assert accounts.check_token(token) == Principal("cổng 1", UserRole.SENSOR, "A")
    with pytest.raises(NotAuthenticated):
        accounts.check_token(token + "x")


def test_a_certificate_is_its_role_once_and_its_fingerprint_is_no_token(accounts: Accounts) -> None:
    fingerprint = accounts.admit_certificate(b"der", UserRole.SENSOR, "A", "cổng 2")
    assert accounts.check_certificate(b"der") == Principal("cổng 2", UserRole.SENSOR, "A")
    with pytest.raises(Conflict):
        accounts.admit_certificate(b"der", UserRole.ADMIN)
    with pytest.raises(NotAuthenticated):
        accounts.check_certificate(b"another")
    with pytest.raises(NotAuthenticated):
        accounts.check_token(fingerprint)


def test_a_session_ends_with_its_time(accounts: Accounts, watch: Watch) -> None:
    secret, form = accounts.open_session(Principal("lan", UserRole.VIEWER))
    assert accounts.session(secret) == (Principal("lan", UserRole.VIEWER), form)
    watch.now += timedelta(hours=13)
    with pytest.raises(NotAuthenticated):
        accounts.session(secret)
    assert accounts.forget_expired() == 1


def test_a_link_opens_once_and_not_late(accounts: Accounts, watch: Watch) -> None:
    link = accounts.one_time_link(Principal("lan", UserRole.ADMIN))
    assert accounts.use_link(link).name == "lan"
    late = accounts.one_time_link(Principal("lan", UserRole.ADMIN))
    watch.now += timedelta(hours=2)
    for used in (link, late, "made up"):
        with pytest.raises(NotAuthenticated):
            accounts.use_link(used)


@pytest.mark.parametrize(
    "act", [lambda a: a.remove_user("ai"), lambda a: a.set_password("ai", PASSWORD)], ids=["remove", "password"]
)
def test_acts_on_an_unknown_user_say_so(accounts: Accounts, act: Callable[[Accounts], object]) -> None:
    with pytest.raises(NotFound):
        act(accounts)
