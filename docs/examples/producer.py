# producer.py
import asyncio

from pgqueuer import Queries, connect


async def main() -> None:
    async with connect() as driver:
        queries = Queries(driver)
        ids = await queries.enqueue(["greet"] * 3, [b"Ada", b"Grace", b"Barbara"])
        print(f"Enqueued {len(ids)} jobs.")


if __name__ == "__main__":
    asyncio.run(main())
