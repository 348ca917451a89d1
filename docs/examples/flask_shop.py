"""The code of the guide to web frameworks: jobs in the requests of Flask."""

from flask import Flask, abort, request
from psycopg import Connection
from psycopg_pool import ConnectionPool

from pgqueuer.db import SyncPsycopgDriver
from pgqueuer.queries import SyncQueries


def queue_over(connection: Connection) -> SyncQueries:
    return SyncQueries(SyncPsycopgDriver(connection, caller_commits=True))


def create_app(dsn: str) -> Flask:
    app = Flask("shop")
    pool = app.extensions["pool"] = ConnectionPool(dsn, min_size=1, max_size=10, open=True)

    @app.post("/orders")
    def place_order():
        with pool.connection() as connection:  # commits at the end, or rolls back
            cursor = connection.execute(
                "INSERT INTO orders (item) VALUES (%s) RETURNING id", [request.form["item"]]
            )
            (order,) = cursor.fetchone() or ()
            [job] = queue_over(connection).enqueue("ship", str(order).encode())
        return {"order": order, "job": job}, 202

    @app.get("/jobs/<int:job_id>")
    def status_of_job(job_id: int):
        with pool.connection() as connection:
            found = queue_over(connection).job_status([job_id])
        return {"status": found[0].status} if found else abort(404)

    @app.delete("/jobs/<int:job_id>")
    def cancel_job(job_id: int):
        with pool.connection() as connection:
            queue_over(connection).mark_job_as_cancelled([job_id])
        return "", 204

    return app
