"""Jobs: found, looked at, canceled, put back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.pages.writing import Form, done, read_form, refuse, writes
from pgqueuer.adapters.web.reports import Reports, reports_of
from pgqueuer.adapters.web.urls import PREFIX, Urls
from pgqueuer.adapters.web.views import render, render_problem
from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.models import Job, Log
from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.ports.repository import SEARCHED_JOBS

PAGE_SIZE: Final = 50
HISTORY: Final = 500
LIVE_SECONDS: Final = 5
LISTED: Final[tuple[JOB_STATUS, ...]] = ("queued", "picked", "failed")
UNFINISHED: Final[tuple[JOB_STATUS, ...]] = ("queued", "picked")
MOST_JOBS: Final = 2**63 - 1


async def gather(
    reports: Annotated[Reports, Depends(reports_of)],
    status: str | None = None,
    entrypoint: str | None = None,
    search: str | None = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Gathered:
    """A page of the jobs that fit; without a status those that are queued or picked."""
    chosen: list[JOB_STATUS] = [each for each in LISTED if each == status]
    jobs = await reports.insights.browse_queue(
        PAGE_SIZE + 1,
        (page - 1) * PAGE_SIZE,
        chosen or list(UNFINISHED),
        [entrypoint] if entrypoint else None,
        search=search.strip() or None if search else None,
        payloads=False,
    )
    return {
        "title": "Jobs",
        "jobs": jobs[:PAGE_SIZE],
        "statuses": LISTED,
        "status": chosen[0] if chosen else "",
        "entrypoint": entrypoint or "",
        "search": search or "",
        "searched": SEARCHED_JOBS,
        "page": page,
        "has_more": len(jobs) > PAGE_SIZE,
    }


router = APIRouter()
add_live_page(router, "/jobs", "jobs", gather)


@router.get("/jobs/goto", name=PREFIX + "goto")
async def go_to_job(request: Request, id: Annotated[int, Query(ge=1, le=MOST_JOBS)]) -> Response:
    """To the page of the job with this number."""
    return RedirectResponse(Urls(request)("job", job_id=id))


@router.get("/jobs/{job_id}", name=PREFIX + "job", response_class=HTMLResponse)
async def show_job(
    request: Request, job_id: int, reports: Annotated[Reports, Depends(reports_of)]
) -> Response:
    """The job and its history; of a job that has ended, what the log remembers."""
    known = 0 < job_id <= MOST_JOBS
    job = await reports.insights.job(JobId(job_id)) if known else None
    history = await reports.insights.job_history(JobId(job_id), HISTORY) if known else []
    if job is None and not history:
        return render_problem(
            request,
            404,
            f"Job {job_id} is unknown",
            "It is not in the queue, and the log does not remember it.",
        )
    return render(
        request,
        "page.html",
        name="job",
        title=f"Job {job_id}",
        job_id=job_id,
        part=Urls(request)("job_part", job_id=job_id),
        every=LIVE_SECONDS,
        **_told(job, history),
    )


@router.get("/partials/job/{job_id}", name=PREFIX + "job_part", response_class=HTMLResponse)
async def show_job_part(
    request: Request, job_id: int, reports: Annotated[Reports, Depends(reports_of)]
) -> Response:
    """The inner part of the page of a job."""
    job = await reports.insights.job(JobId(job_id))
    history = await reports.insights.job_history(JobId(job_id), HISTORY)
    return render(request, "partials/job.html", name="job", job_id=job_id, **_told(job, history))


def _told(job: Job | None, history: Sequence[Log]) -> Gathered:
    """The history oldest first, each step with the seconds since the one before."""
    steps = list(reversed(history))
    gaps = [None] + [
        (after.created - before.created).total_seconds()
        for before, after in itertools.pairwise(steps)
    ]
    last = history[0] if history else None
    return {
        "job": job,
        "entrypoint": job.entrypoint if job else last.entrypoint if last else "",
        "status": job.status if job else last.status if last else "",
        "steps": list(zip(steps, gaps, strict=True)),
    }


@router.post("/jobs/{job_id}/cancel", name=PREFIX + "cancel", dependencies=writes)
async def cancel_job(job_id: int, reports: Annotated[Reports, Depends(reports_of)]) -> Response:
    """Delete the job and ask its handler to stop."""
    await reports.management.cancel([JobId(job_id)])
    return done()


@router.post("/jobs/requeue", name=PREFIX + "requeue", dependencies=writes)
async def requeue_jobs(
    form: Annotated[Form, Depends(read_form)], reports: Annotated[Reports, Depends(reports_of)]
) -> Response:
    """Put the held jobs of the form's `ids[]` back to the queue."""
    ids = form.numbers("ids[]")
    if not ids:
        return refuse("Choose the jobs to requeue")
    return await requeue(reports, [JobId(number) for number in ids])


async def requeue(reports: Reports, ids: list[JobId]) -> Response:
    """Put held jobs back, all or none of them."""
    try:
        await reports.management.requeue(ids)
    except DuplicateJobError as error:
        return refuse(f"Nothing was requeued. {error}")
    return done()
