"""The worker: the process that generates sound for Pd."""
