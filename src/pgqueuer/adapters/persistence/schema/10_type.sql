-- Where a job can be; the log and the statistics use the same words.
CREATE TYPE :"queue_status_type" AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);
