"""What becomes of a job: requests, the queue, the store and the threads that run jobs."""
