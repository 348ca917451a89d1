"""The SQL of the service; parameters are cast, so that every driver sends them alike."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from pgqueuer.domain.settings import DBSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """Statements, and the name of the table of positions."""

    table: str = "POSITIONS"

    installed: str = "SELECT to_regclass('POSITIONS') IS NOT NULL AS installed"

    create: str = """
CREATE TABLE IF NOT EXISTS POSITIONS (
    name TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    posted BIGINT[] NOT NULL DEFAULT '{}',
    log_oid OID NOT NULL,
    owner TEXT,
    leased_until TIMESTAMPTZ
)
"""

    # What failed before the first start is not posted. A new log counts from 1 again.
    lead: str = """
INSERT INTO POSITIONS AS known (name, position, log_oid, owner, leased_until)
SELECT
    $1::text,
    coalesce((SELECT max(log.id) FROM LOG_TABLE AS log), 0),
    'LOG_TABLE'::regclass::oid,
    $2::text,
    clock_timestamp() + $3::float8 * interval '1 second'
ON CONFLICT (name) DO UPDATE SET
    owner = excluded.owner,
    leased_until = excluded.leased_until,
    log_oid = excluded.log_oid,
    position = CASE WHEN known.log_oid = excluded.log_oid THEN known.position ELSE 0 END,
    posted = CASE WHEN known.log_oid = excluded.log_oid THEN known.posted ELSE '{}' END
WHERE known.owner IS NULL
    OR known.owner = excluded.owner
    OR known.leased_until < clock_timestamp()
RETURNING known.position, known.posted
"""

    # One statement, so that the rows, the last id and the open transactions are of one moment.
    read: str = """
WITH ended AS (
    SELECT
        log.*,
        CASE
            WHEN log.status::text = 'exception' THEN 'failed'
            WHEN log.status::text = 'canceled' THEN 'canceled'
            WHEN log.traceback #>> '{additional_context,parked}' = 'true'
                OR log.traceback ->> 'exception_type' IN ('InvalidPayloadError', 'UnreadableJob')
                THEN 'parked'
            ELSE 'held'
        END AS outcome
    FROM LOG_TABLE AS log
    WHERE log.id > $1::bigint
        AND log.status::text IN ('exception', 'failed', 'canceled')
),

page AS (
    SELECT *
    FROM ended
    WHERE id <> ALL ($2::bigint[])
        AND outcome = ANY ($3::text[])
        AND (cardinality($4::text[]) = 0 OR entrypoint = ANY ($4::text[]))
    ORDER BY id
    LIMIT $5::int
)

SELECT
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS newest,
    coalesce((SELECT max(log.id) FROM LOG_TABLE AS log), 0)::bigint AS last,
    coalesce((
        SELECT json_agg(
            json_build_object(
                'age', extract(epoch FROM clock_timestamp() - page.created),
                'event', jsonb_build_object(
                    'event_id', page.id,
                    'job_id', page.job_id,
                    'entrypoint', page.entrypoint,
                    'outcome', page.outcome,
                    'at', to_char(
                        page.created AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
                    ),
                    'priority', page.priority,
                    'error', CASE WHEN page.traceback IS NOT NULL THEN jsonb_build_object(
                        'type', coalesce(page.traceback ->> 'exception_type', ''),
                        'message', left(coalesce(page.traceback ->> 'exception_message', ''), 1000)
                    ) || CASE WHEN $7::bool THEN jsonb_build_object(
                        'traceback', right(coalesce(page.traceback ->> 'traceback', ''), 16000)
                    ) ELSE '{}'::jsonb END END
                ) || CASE WHEN $6::bool THEN jsonb_build_object(
                    'payload_size', octet_length(job.payload),
                    'payload', CASE WHEN octet_length(job.payload) <= 65536
                        THEN translate(encode(job.payload, 'base64'), chr(10), '') END
                ) ELSE '{}'::jsonb END
            )
            ORDER BY page.id
        )
        FROM page
        LEFT JOIN QUEUE_TABLE AS job ON $6::bool AND job.id = page.job_id
    ), '[]')::text AS entries
"""

    save: str = """
UPDATE POSITIONS
SET position = $3::bigint,
    posted = $4::bigint[],
    leased_until = clock_timestamp() + $5::float8 * interval '1 second'
WHERE name = $1::text AND owner = $2::text
RETURNING name
"""

    renew: str = """
UPDATE POSITIONS
SET leased_until = clock_timestamp() + $3::float8 * interval '1 second'
WHERE name = $1::text AND owner = $2::text
RETURNING name
"""

    release: str = """
UPDATE POSITIONS
SET owner = NULL, leased_until = NULL
WHERE name = $1::text AND owner = $2::text
RETURNING name
"""


SUFFIX: Final = "_webhook"


def for_tables(settings: DBSettings) -> Statements:
    """The statements for the tables of this installation."""
    queue = settings.qualified.queue_table
    names = {
        "POSITIONS": _quoted(queue + SUFFIX),
        "LOG_TABLE": _quoted(settings.qualified.queue_table_log),
        "QUEUE_TABLE": _quoted(queue),
    }
    template = Statements()
    texts = {field.name: str(getattr(template, field.name)) for field in fields(template)}
    return Statements(**{field: _filled(text, names) for field, text in texts.items()})


def _filled(text: str, names: dict[str, str]) -> str:
    for marker, name in names.items():
        # In a literal the quotes of SQL are doubled.
        text = text.replace(f"'{marker}'", "'" + name.replace("'", "''") + "'")
        text = text.replace(marker, name)
    return text


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
