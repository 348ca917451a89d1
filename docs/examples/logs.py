"""The code of the guide to logs."""

import logging
import logging.config

from pgqueuer import Job, PgQueuer

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"job": {"()": "pgqueuer.logs.JobFilter"}},
    "formatters": {
        "json": {"()": "pgqueuer.logs.JsonFormatter"},
        "plain": {"format": "%(asctime)s %(name)s job=%(job_id)s %(message)s"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["job"],
            "formatter": "json",
        },
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
}

log = logging.getLogger(__name__)


def register(pgq: PgQueuer) -> None:
    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        log.info("mail sent", extra={"attempt": job.attempts})


def set_up_logging() -> None:
    logging.config.dictConfig(LOGGING)
