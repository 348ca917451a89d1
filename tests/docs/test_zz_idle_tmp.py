import asyncio, asyncpg
from pgqueuer import connect, PgQueuer
from pgqueuer.domain.settings import ConnectionSettings
async def test_idle(queue_dsn):
    async with connect("asyncpg", ConnectionSettings(dsn=queue_dsn)) as driver:
        pgq = PgQueuer(driver)
        @pgq.entrypoint("x")
        async def x(job): ...
        n=[]
        f,e=driver.fetch,driver.execute
        async def fetch(q,*a):
            n.append(q.strip().splitlines()[0][:60]); return await f(q,*a)
        async def execute(q,*a):
            n.append(q.strip().splitlines()[0][:60]); return await e(q,*a)
        driver.fetch, driver.execute = fetch, execute
        t=asyncio.create_task(pgq.run())
        await asyncio.sleep(5); n.clear()
        await asyncio.sleep(120)
        print(len(n)); 
        for q in n: print(q)
        rows=await f("select count(*) from pg_stat_activity where datname=current_database()")
        print(rows)
        pgq.shutdown.set(); await t
