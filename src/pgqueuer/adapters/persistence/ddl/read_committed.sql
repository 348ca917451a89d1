-- So that what follows sees what others did while the transaction waited for its lock.
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
