"""`pgq doctor`: what may keep a queue from working well, found by looking and changing nothing."""

from __future__ import annotations

from pgqueuer.adapters.doctor.examination import examine_database, examine_process
from pgqueuer.adapters.doctor.findings import Finding, Status
from pgqueuer.adapters.doctor.patient import Limits, Patient

__all__ = [
    "Finding",
    "Limits",
    "Patient",
    "Status",
    "examine_database",
    "examine_process",
]
