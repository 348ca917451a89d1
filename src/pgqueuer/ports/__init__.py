"""What the kernel expects of the outside: drivers, repositories and tracers, as Protocols."""

from pgqueuer.ports.driver import Driver, SyncDriver
from pgqueuer.ports.repository import (
    NotificationPort,
    QueryBuilderEnvironmentPort,
    QueueRepositoryPort,
    RepositoryPort,
    ScheduleRepositoryPort,
    SchemaManagementPort,
)
from pgqueuer.ports.tracing import TracingProtocol

__all__ = [
    "Driver",
    "NotificationPort",
    "QueryBuilderEnvironmentPort",
    "QueueRepositoryPort",
    "RepositoryPort",
    "ScheduleRepositoryPort",
    "SchemaManagementPort",
    "SyncDriver",
    "TracingProtocol",
]
