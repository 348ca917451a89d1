# test_greet.py
from pgqueuer import Job, PgQueuer
from pgqueuer.types import QueueExecutionMode


async def test_greet_is_called_with_the_payload() -> None:
    pgq = PgQueuer.in_memory()
    greeted = []

    @pgq.entrypoint("greet")
    async def greet(job: Job) -> None:
        greeted.append(job.payload)

    await pgq.qm.queries.enqueue("greet", b"World")
    await pgq.run(mode=QueueExecutionMode.drain)
    assert greeted == [b"World"]
