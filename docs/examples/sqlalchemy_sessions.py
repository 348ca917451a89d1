"""The code of the guide to SQLAlchemy: jobs in the transaction of a session."""

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from pgqueuer.db import SqlAlchemyDriver, SyncSqlAlchemyDriver
from pgqueuer.queries import Queries, SyncQueries
from pgqueuer.types import JobId


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]


async def place_order(sessions: async_sessionmaker[AsyncSession], item: str) -> JobId:
    async with sessions.begin() as session:
        order = Order(item=item)
        session.add(order)
        await session.flush()  # for order.id
        queries = Queries(SqlAlchemyDriver(session))
        [job_id] = await queries.enqueue("ship", str(order.id).encode())
    return job_id


def place_order_without_asyncio(sessions: sessionmaker[Session], item: str) -> JobId:
    with sessions.begin() as session:
        order = Order(item=item)
        session.add(order)
        session.flush()
        jobs = SyncQueries(SyncSqlAlchemyDriver(session))
        [job_id] = jobs.enqueue("ship", str(order.id).encode())
    return job_id


def drop_orders(connection: Connection, shipments: list[JobId]) -> None:
    jobs = SyncQueries(SyncSqlAlchemyDriver(connection))
    with connection.begin():
        connection.exec_driver_sql("DELETE FROM orders")
        jobs.mark_job_as_cancelled(shipments)
