from __future__ import annotations

import pytest

from pgqueuer.adapters.persistence.grants import Roles, render_grants
from pgqueuer.adapters.persistence.schema_text import TABLES
from pgqueuer.domain.settings import DBSettings

SETTINGS = DBSettings(prefix="Acme_", db_schema="tenant")


def grants(**roles: str) -> str:
    return render_grants(SETTINGS, Roles(**roles))


@pytest.mark.parametrize("part", ["worker", "reader"])
@pytest.mark.parametrize("table", TABLES)
def test_workers_and_readers_know_every_table(part: str, table: str) -> None:
    assert f'"tenant"."{getattr(SETTINGS, table)}"' in grants(**{part: "x"})


def test_only_the_roles_that_are_named_are_made() -> None:
    assert "worker" not in grants(producer="shop").replace("queue_worker", "")
    assert grants(reader="eyes").count("CREATE ROLE") == 1


def test_the_usual_names_come_from_the_queue_table() -> None:
    usual = Roles.usual(DBSettings(prefix="acme_"))
    assert (usual.producer, usual.worker, usual.reader) == (
        "acme_pgqueuer_producer",
        "acme_pgqueuer_worker",
        "acme_pgqueuer_reader",
    )


@pytest.mark.parametrize(
    "name",
    ["", "public", "Public", "none", "pg_read_all_data", "a b", 'a"b', "a'b", "a;b", "a$$b", "a.b",
     "a\nb", "ä", "1a", "a" * 64],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^worker: "):
        Roles(worker=name)
